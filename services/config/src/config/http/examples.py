"""An example of each body, by operation: what a reader of the API's document copies from."""

from chassis.http.openapi import Examples

_AGENT = {
    "name": "Coding expert",
    "instructions": "You are the coding expert. Check the code in the editor and explain its errors.",
    "greeting": "Hello, I am the coding expert.",
    "tools": ["end_session"],
    "handoff_targets": [{"agent": "triage", "policy": "full", "description": "Back to the start."}],
    "panels": ["coding_ide"],
}
_TEMPLATE = {
    "name": "Tutoring",
    "agents": ["triage", "tutor"],
    "initial_agent": "triage",
    "modality_profile": {"camera": "off", "screen": "on_request"},
    "panels": ["coding_ide"],
}
_TOOL = {
    "description": "Looks up an order by its number.",
    "parameters": {
        "type": "object",
        "properties": {"order": {"type": "string", "maxLength": 40}},
        "required": ["order"],
        "additionalProperties": False,
    },
    "url": "https://tools.example.com/orders",
    "timeout_s": 8,
    "idempotent": True,
}
_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 (the example of Standard Webhooks)

EXAMPLES: Examples = {
    "create_tool": {"request": {"name": "look_up_order", "secret": _SECRET, **_TOOL}},
    "revise_tool": {"request": _TOOL},
    "try_tool": {"request": {"arguments": {"order": "A-1042"}}},
    "save_provider_credential": {"request": {"key": "sk-proj-example", "base_url": "https://eu.api.openai.com/v1"}},
    "create_agent": {"request": _AGENT},
    "write_agent": {"request": _AGENT},
    "create_template": {"request": _TEMPLATE},
    "write_template": {"request": _TEMPLATE},
    "restore_version": {"request": {"number": 1}},
    "move_alias": {"request": {"targets": [{"number": 1, "weight": 90}, {"number": 2, "weight": 10}]}},
    "issue_key": {
        "request": {
            "kind": "publishable",
            "scopes": ["sessions:write"],
            "origins": ["https://app.example.com"],
            "templates": ["tutoring"],
        },
    },
    "rotate_key": {"request": {"overlap_s": 86400}},
}
