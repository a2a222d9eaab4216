"""An example of each body, by operation: what a reader of the API's document copies from."""

from chassis.http.openapi import Examples

EXAMPLES: Examples = {
    "get_public_key": {"response": {"algorithm": "Ed25519", "public_key": "3d4017c3e843895a92b70aa74d1b7ebc" * 2}},
}
