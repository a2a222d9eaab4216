"""An example of each body, by operation: what a reader of the API's document copies from."""

from chassis.http.openapi import Examples

_SESSION = "ses_01k0c2x4n8e7v9q5w3z6t1b8ya"

_SUMMARY = {
    "session_id": _SESSION,
    "status": "live",
    "template_id": "tutoring",
    "template_version": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "livemode": True,
    "user_id": "user-417",
    "initial_agent": None,
    "external_id": "lesson-2031",
    "metadata": {"course": "python-1"},
    "created_at": "2026-03-01T09:30:00.000000Z",
    "joined_at": "2026-03-01T09:30:02.250000Z",
    "started_at": "2026-03-01T09:30:02.500000Z",
    "ended_at": None,
    "closed_at": None,
    "end_reason": None,
}

_ENTRY = {
    "kind": "error",
    "message": "The editor could not be loaded",
    "level": "error",
    "at": "2026-03-01T09:31:06.900Z",
    "details": {"panel": "coding_ide"},
}

_WEBHOOK = {
    "id": "whk_0199f1c2a7b47e3f8d5c6b7a8e9f0a1b",
    "url": "https://example.com/hooks/baton",
    "events": ["session.ended", "session.failed"],
    "include": ["cost", "transcript"],
    "status": "enabled",
    "disabled_because": None,
    "position": None,
}

_WITH_SECRET = {
    **_WEBHOOK,
    "secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "overlap_until": None,
}

EXAMPLES: Examples = {
    "start_session": {
        "request": {
            "template_id": "tutoring",
            "user_info": {"id": "user-417", "name": "Ada", "preferences": {"language": "en"}},
            "variables": {"topic": "loops"},
            "external_id": "lesson-2031",
            "metadata": {"course": "python-1"},
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
    "list_sessions": {"response": {"data": [_SUMMARY], "next_cursor": None}},
    "get_session": {
        "response": {
            **_SUMMARY,
            "user": {"name": "Ada", "preferences": {"language": "en"}, "metadata": {}},
            "variables": {"topic": "loops"},
        },
    },
    "report_log": {
        "request": {"resume_token": "rt_of-this-session-alone", "entries": [_ENTRY]},
        "response": {"id": "log_0199f1c2a7b47e3f8d5c6b7a8e9f0a1b"},
    },
    "get_log": {
        "response": {
            "data": [
                {
                    "id": "log_0199f1c2a7b47e3f8d5c6b7a8e9f0a1b",
                    "received_at": "2026-03-01T09:31:07.114000Z",
                    "entries": [_ENTRY],
                }
            ],
            "next_cursor": None,
        },
    },
    "create_webhook": {
        "request": {"url": "https://example.com/hooks/baton", "events": ["session.ended", "session.failed"]},
        "response": _WITH_SECRET,
    },
    "list_webhooks": {"response": {"data": [_WEBHOOK], "next_cursor": None}},
    "get_webhook": {"response": _WEBHOOK},
    "rotate_webhook_secret": {"response": {**_WITH_SECRET, "overlap_until": "2026-03-02T09:30:00.000000Z"}},
    "disable_webhook": {"response": {**_WEBHOOK, "status": "disabled", "disabled_because": "asked"}},
    "enable_webhook": {"response": _WEBHOOK},
    "list_deliveries": {
        "response": {
            "data": [
                {
                    "event_id": "0199f1c2-a7b4-7e3f-8d5c-6b7a8e9f0a1b",
                    "type": "session.ended",
                    "session_id": _SESSION,
                    "status": "waiting",
                    "attempts": 1,
                    "cause": "status_503",
                    "created_at": "2026-03-01T09:41:00.000000Z",
                    "next_attempt_at": "2026-03-01T09:41:05.200000Z",
                    "settled_at": None,
                }
            ],
            "next_cursor": None,
        },
    },
    "list_attempts": {
        "response": {
            "data": [{"at": "2026-03-01T09:41:00.120000Z", "status": 503, "fault": None, "ms": 84}],
            "next_cursor": None,
        },
    },
    "end_session": {"response": {"session_id": _SESSION, "status": "ending", "end_reason": None}},
}
