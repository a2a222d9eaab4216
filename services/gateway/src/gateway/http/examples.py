"""An example of each body, by operation: what a reader of the API's document copies from."""

from chassis.http.openapi import Examples

_SESSION = "ses_01k0c2x4n8e7v9q5w3z6t1b8ya"

EXAMPLES: Examples = {
    "start_session": {
        "request": {
            "template_id": "tutoring",
            "user_info": {"id": "user-417", "name": "Ada", "preferences": {"language": "en"}},
        },
        "response": {
            "session_id": _SESSION,
            "livekit_url": "wss://livekit.example.com",
            "access_token": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl",
            "modality_config": {"audio": "on_start", "camera": "off", "screen": "on_request"},
            "enabled_panels": ["coding_ide"],
            "resume_token": "rt_of-this-session-alone",
            "position": "p1.WyJTRVNTSU9OUyIsImEiLDMsNDEsMF0",
        },
    },
    "issue_token": {
        "request": {"resume_token": "rt_of-this-session-alone"},
        "response": {
            "session_id": _SESSION,
            "livekit_url": "wss://livekit.example.com",
            "access_token": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl",
        },
    },
    "end_session": {"response": {"session_id": _SESSION, "status": "ending", "end_reason": None}},
}
