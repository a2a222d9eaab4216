"""Examples of the bodies about people."""

from chassis.http.openapi import Examples

_TOKENS = {
    "member_id": "mem_019a1f0c5f8e7d3c9b2a4e6f8a0b1c2d",
    "customer_id": "cus_019a1f0c5f8e7d3c9b2a4e6f8a0b1c2c",
    "access_token": "eyJhbGciOiJFZERTQSIsImtpZCI6IjFmMm…",
    "refresh_token": "brt_3q2-7wEyVnZpLk8sT0uXcBdFgHjKmNpQrStUvWxYz0A",
    "expires_in": 600,
    "token_type": "Bearer",
}
_PASSWORD = "correct horse battery staple"  # noqa: S105 (an example)
_MEMBER = {"id": "mem_019a1f0c5f8e7d3c9b2a4e6f8a0b1c2d", "name": "Ada Example", "email": "ada@example.com"}
_INVITATION = {
    "id": "inv_019a1f0c5f8e7d3c9b2a4e6f8a0b1c2e",
    "email": "brook@example.com",
    "role": "developer",
    "expires_at": "2026-12-02T09:00:00Z",
}
_INVITATION_TOKEN = "bit~cus_019a1f0c5f8e7d3c9b2a4e6f8a0b1c2c~inv_019a1f0c5f8e7d3c9b2a4e6f8a0b1c2e~0Yc…"  # noqa: S105
_POSITION = "p1.WyJDT05GSUciLCJhMWIyYzNkNCIsLTEsNDIsMF0"
_STATE = "QmFzZTY0dXJsLW9mLTMyLXJhbmRvbS1ieXRlcw"

PEOPLE_EXAMPLES: Examples = {
    "register_customer": {
        "request": {
            "email": "ada@example.com",
            "password": _PASSWORD,
            "name": "Ada Example",
            "customer_name": "Example Ltd",
        },
        "response": _TOKENS,
    },
    "log_in": {"request": {"email": "ada@example.com", "password": _PASSWORD}, "response": _TOKENS},
    "refresh_login": {"request": {"refresh_token": _TOKENS["refresh_token"]}, "response": _TOKENS},
    "get_me": {
        "response": {
            **_MEMBER,
            "role": "analyst",
            "scopes": ["agents:read", "sessions:read"],
            "customer_id": _TOKENS["customer_id"],
            "customer_name": "Example Ltd",
        }
    },
    "list_logins": {
        "response": {
            "data": [
                {
                    "id": "lgn_019a1f0c5f8e7d3c9b2a4e6f8a0b1c2f",
                    "proof": "password",
                    "opened_at": "2026-11-25T09:00:00Z",
                    "last_used_at": "2026-11-25T11:40:00Z",
                    "expires_at": "2026-12-25T09:00:00Z",
                    "current": True,
                }
            ],
            "next_cursor": None,
        }
    },
    "change_password": {"request": {"current": _PASSWORD, "new": "a staple of correct batteries"}},
    "start_oidc": {"response": {"url": f"https://id.example.com/authorize?state={_STATE}", "state": _STATE}},
    "finish_oidc": {"request": {"code": "SplxlOBeZQQYbYS6WxSbIA", "state": _STATE}, "response": _TOKENS},
    "return_from_oidc": {"response": _TOKENS},
    "list_members": {
        "response": {
            "data": [
                {
                    **_MEMBER,
                    "role": "owner",
                    "has_password": True,
                    "has_identity": False,
                    "removed": False,
                    "joined_at": "2026-11-25T09:00:00Z",
                    "updated_at": "2026-11-25T09:00:00Z",
                }
            ],
            "next_cursor": None,
        }
    },
    "get_member": {"response": {**_MEMBER, "role": "owner", "position": _POSITION}},
    "change_role": {
        "request": {"role": "developer"},
        "response": {**_MEMBER, "role": "developer", "position": _POSITION},
    },
    "invite_member": {
        "request": {"email": "brook@example.com", "role": "developer"},
        "response": {
            **_INVITATION,
            "token": _INVITATION_TOKEN,
            "position": _POSITION,
        },
    },
    "list_invitations": {
        "response": {
            "data": [{**_INVITATION, "state": "open", "member_id": None, "created_at": "2026-11-25T09:00:00Z"}],
            "next_cursor": None,
        }
    },
    "accept_invitation": {
        "request": {"token": _INVITATION_TOKEN, "name": "Brook Example", "password": _PASSWORD},
        "response": _TOKENS,
    },
}
