"""/livez and /readyz, as plain ASGI: the runtime checks no API keys and has nothing else to answer."""

from collections.abc import Callable
from typing import Any

import msgspec

from chassis.service import Asgi


def probes(ready: Callable[[], bool]) -> Asgi:
    """Liveness tests that the loop turns; readiness asks `ready`."""

    async def app(scope: dict[str, Any], _receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        match scope["path"]:
            case "/livez":
                status, word = 200, "live"
            case "/readyz":
                status, word = (200, "ready") if ready() else (503, "starting")
            case _:
                status, word = 404, "not_found"
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": msgspec.json.encode({"status": word})})

    return app
