"""An example of each body, by operation: what a reader of the API's document copies from."""

from chassis.http.openapi import Examples

EXAMPLES: Examples = {
    "command_panel": {
        "request": {"action": "highlight", "args": {"lines": [4]}, "base_rev": 7},
        "response": {"panel": "coding_ide", "op_id": "op_01k0c2x4n8e7v9q5w3z6t1b8ya", "rev": 8},
    },
}
