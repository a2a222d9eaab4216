"""The baseline of P3, in a process of its own: a bare Litestar application whose one handler mints a LiveKit token.

Served by uvicorn with the settings of Baton's own services. It reads no body, checks no key and keeps nothing.
"""

import asyncio
import json
import os
import uuid
from datetime import timedelta

from litestar import Litestar, get, post
from livekit import api

from chassis.service import serving, stop_signals

KEY, SECRET = os.environ["BENCH_LIVEKIT_KEY"], os.environ["BENCH_LIVEKIT_SECRET"]
PROFILE = {"camera": "off", "screen": "off"}
METADATA = json.dumps(
    {"session_template_id": "bench", "user_id": "user-1", "modality_profile": PROFILE, "enabled_panels": []}
)


@post("/mint")
async def mint() -> dict[str, str]:
    """A token with the grants of a session's participant."""
    room = uuid.uuid4().hex
    rights = api.VideoGrants(
        room_join=True,
        room=room,
        can_publish=True,
        can_subscribe=True,
        can_publish_data=True,
        can_publish_sources=["microphone"],
        can_update_own_metadata=False,
    )
    token = api.AccessToken(KEY, SECRET).with_identity(f"user-{room}").with_grants(rights)
    return {"access_token": token.with_metadata(METADATA).with_ttl(timedelta(minutes=10)).to_jwt()}


@get("/readyz", sync_to_thread=False)
def readyz() -> None:
    """It answers."""


async def main() -> None:
    """Serve until a signal."""
    stop = asyncio.Event()
    app = Litestar([mint, readyz], openapi_config=None, logging_config=None)
    with stop_signals(stop):
        async with serving(app, port=int(os.environ["BENCH_PORT"])):
            await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
