"""A customer's endpoint on this machine: keeps what it is told, and answers as a test wants."""

import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from chassis.service import serving


@dataclass(frozen=True)
class Received:
    """One delivery as it came."""

    headers: dict[str, str]
    content: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def type(self) -> str:
        return str(self.body["type"])

    @property
    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.content)
        return found

    def signed_with(self, secret: str) -> bool:
        """Checked as the specification says, and not with our own code."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        told = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.content
        expected = base64.b64encode(hmac.new(key, told, hashlib.sha256).digest()).decode()
        return f"v1,{expected}" in self.headers["webhook-signature"].split(" ")


class Receiver:
    """`answer` gives the status of each delivery."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[Received], int] = lambda _received: 204
        self.location = ""
        self.url = ""

    @property
    def types(self) -> list[str]:
        return [one.type for one in self.received]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        content = b""
        while True:
            message = await receive()
            content += message.get("body", b"")
            if not message.get("more_body"):
                break
        came = Received({name.decode(): value.decode() for name, value in scope["headers"]}, content)
        self.received.append(came)
        headers = [(b"location", self.location.encode())] if self.location else []
        await send({"type": "http.response.start", "status": self.answer(came), "headers": headers})
        await send({"type": "http.response.body", "body": b""})


@contextlib.asynccontextmanager
async def a_receiver() -> AsyncIterator[Receiver]:
    """Served on a free port of the loopback."""
    receiver = Receiver()
    async with serving(receiver) as port:
        receiver.url = f"http://127.0.0.1:{port}/hook"
        yield receiver
