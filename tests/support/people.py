"""Members as they meet the API: a config service where anybody may register, and what people do with it."""

import contextlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
from tests.support.config_api import config_settings
from tests.support.until import until

from chassis.access_tokens import TokenIssuer
from config.bootstrap import migrate, open_service

LOGIN_SIGNING_KEY = bytes(range(1, 33)).hex()
LOGIN_PUBLIC_KEYS = TokenIssuer(bytes.fromhex(LOGIN_SIGNING_KEY)).public_key.hex()
OPEN = {
    "login_signing_key": LOGIN_SIGNING_KEY,
    "login_public_keys": LOGIN_PUBLIC_KEYS,
    "registration": "open",
    "attempts_per_caller": 1_000_000,
}
"""Settings of config with which people come in."""

PASSWORD = "correct horse battery staple"
_numbers = itertools.count(1)


@dataclass
class Person:
    """A member with the tokens of one login."""

    email: str
    member: str
    customer: str
    access: str
    refresh: str
    password: str = PASSWORD


class People:
    """What people do over HTTP."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def post(self, path: str, body: object = None, *, as_: Person | str | None = None) -> httpx.Response:
        return await self.call("POST", path, as_=as_, json=body)

    async def call(self, method: str, path: str, *, as_: Person | str | None = None, **more: Any) -> httpx.Response:
        credential = as_.access if isinstance(as_, Person) else as_
        headers = {"Authorization": f"Bearer {credential}"} if credential else {}
        return await self.http.request(method, path, headers={**headers, **more.pop("headers", {})}, **more)

    async def register(self, email: str = "", **more: str) -> Person:
        """An owner of a customer of its own."""
        email = email or f"owner{next(_numbers)}@example.com"
        body = {"email": email, "password": PASSWORD, "name": "Olga Owner", "customer_name": "Example Ltd", **more}
        return person(email, await self.post("/api/auth/register", body))

    async def invite(self, by: Person, role: str, email: str = "") -> dict[str, Any]:
        email = email or f"{role}{next(_numbers)}@example.com"
        answer = await self.post("/api/invitations", {"email": email, "role": role}, as_=by)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def accept(self, invitation: dict[str, Any]) -> Person:
        body = {"token": invitation["token"], "name": "Nora New", "password": PASSWORD}
        return person(invitation["email"], await self.post("/api/invitations/accept", body))

    async def join(self, by: Person, role: str) -> Person:
        """A member of `by`'s customer, in this role."""
        return await self.accept(await self.invite(by, role))

    async def log_in(self, who: Person) -> Person:
        """The same member on another device."""
        body = {"email": who.email, "password": who.password}
        return person(who.email, await self.post("/api/auth/login", body), who.password)

    async def until_out(self, who: Person) -> None:
        """Until the access token opens nothing."""

        async def out() -> bool:
            return (await self.call("GET", "/api/auth/me", as_=who)).status_code == 401

        await until(out, what="the token opens nothing")


def person(email: str, answer: httpx.Response, password: str = PASSWORD) -> Person:
    assert answer.is_success, answer.text
    told = answer.json()
    return Person(email, told["member_id"], told["customer_id"], told["access_token"], told["refresh_token"], password)


@contextlib.asynccontextmanager
async def a_people_api(nats_url: str, database: str, **more: Any) -> AsyncIterator[People]:
    """A config service, migrated and ready."""
    settings = config_settings(nats_url, database, **{**OPEN, **more})
    await migrate(settings)
    async with open_service(settings) as service:
        await until(service.ready, what="config is ready")
        transport = httpx.ASGITransport(app=service.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://config", timeout=30) as http:
            yield People(http)
