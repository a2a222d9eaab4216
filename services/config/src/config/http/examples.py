"""An example of each body, by operation: what a reader of the API's document copies from."""

from chassis.http.openapi import Examples
from config.http.people_examples import PEOPLE_EXAMPLES

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
_POLL = {
    "title": "Poll",
    "description": "A question with choices, in the user's page. You see the votes.",
    "url": "https://panels.example.com/poll",
    "open": {
        "schema": {
            "type": "object",
            "properties": {"question": {"type": "string", "maxLength": 300}},
            "required": ["question"],
            "additionalProperties": False,
        },
        "initial": {"question": "$args.question", "yes": 0, "closed": False},
    },
    "commands": {
        "close_poll": {
            "description": "Takes no more votes.",
            "schema": {"type": "object", "properties": {}, "additionalProperties": False},
            "effect": {"closed": True},
        }
    },
    "events": {
        "voted": {
            "description": "The user voted.",
            "schema": {
                "type": "object",
                "properties": {"yes": {"type": "integer", "minimum": 0, "maximum": 1}},
                "required": ["yes"],
                "additionalProperties": False,
            },
            "effect": {"yes": "$args.yes"},
        }
    },
    "state_schema": {
        "type": "object",
        "properties": {
            "question": {"type": "string", "maxLength": 300},
            "yes": {"type": "integer", "minimum": 0, "maximum": 1},
            "closed": {"type": "boolean"},
        },
        "required": ["question", "yes", "closed"],
        "additionalProperties": False,
    },
    "tools": [{"name": "read_votes", "description": "Returns the vote.", "read": ["yes"]}],
}
_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 (the example of Standard Webhooks)

_PRICES = {
    "currency": "USD",
    "about": "Our contract of 2027.",
    "entries": [
        {"provider": "openai", "model": "gpt-4.1-mini", "unit": "input_tokens", "amount_nano": "380.5"},
        {"provider": "deepgram", "model": "nova-3", "unit": "audio_ms", "amount_nano": "7000000", "per": 60000},
    ],
}
_LIMITS = {
    "max_sessions": 20,
    "starts_per_minute": 60,
    "currency": "USD",
    "monthly_budget_nano": 500_000_000_000,
    "session_budget_nano": 500_000_000,
}

EXAMPLES: Examples = {
    **PEOPLE_EXAMPLES,
    "search_knowledge": {"request": {"query": "How is the filter cleaned?", "limit": 3}},
    "write_price_draft": {"request": _PRICES},
    "publish_prices": {"request": {"corrects": ["2026-11"]}},
    "set_limits": {"request": _LIMITS},
    "create_tool": {"request": {"name": "look_up_order", "secret": _SECRET, **_TOOL}},
    "revise_tool": {"request": _TOOL},
    "try_tool": {"request": {"arguments": {"order": "A-1042"}}},
    "write_mcp_server": {
        "request": {
            "url": "https://mcp.example.com/mcp",
            "timeout_s": 8,
            "allowed_tools": ["search", "fetch"],
            "headers": {"Authorization": "Bearer example"},
        }
    },
    "approve_mcp_tools": {"request": {"tools": {"search": "5c" * 32}, "idempotent": ["search"]}},
    "try_mcp_tool": {"request": {"tool": "search", "arguments": {"query": "returns"}}},
    "save_provider_credential": {"request": {"key": "sk-proj-example"}},
    "create_agent": {"request": _AGENT},
    "write_agent": {"request": _AGENT},
    "write_panel_kind": {"request": _POLL},
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
