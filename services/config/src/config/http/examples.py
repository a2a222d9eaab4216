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

EXAMPLES: Examples = {
    "create_agent": {"request": _AGENT},
    "write_agent": {"request": _AGENT},
    "create_template": {"request": _TEMPLATE},
    "write_template": {"request": _TEMPLATE},
    "issue_key": {"request": {"scopes": ["sessions:write", "sessions:read"]}},
}
