"""The API of all services at one origin, over a real NATS and PostgreSQL and without sockets: what a customer calls."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
from tests.support.gateways import ACME, OTHER, gateway_settings, seed
from tests.support.people import LOGIN_PUBLIC_KEYS, OPEN, PASSWORD, Person, person
from tests.support.provider_urls import provider_urls
from tests.support.until import until

import config.bootstrap
import config.settings
import gateway.bootstrap
import ledger.bootstrap
import ledger.settings
import panel_bridge.bootstrap
import panel_bridge.settings
from baton import edge
from chassis.service import Service
from simulators import Scenario, Simulators

PEPPER = "pepper"
_EACH_SERVICE = ("/api/agents/x", "/api/session/x/status", "/api/sessions/x/cost", "/api/sessions/x/panels")


@dataclass
class WholeApi:
    """`origin` sends no key of its own; `services` are those behind it."""

    origin: httpx.AsyncClient
    services: Mapping[str, Service]
    keys: dict[str, str] = field(default_factory=dict)

    def as_(self, key: str) -> dict[str, str]:
        """Headers of a caller with this key."""
        return {"Authorization": f"Bearer {key}"}

    async def call(self, method: str, path: str, *, key: str | None = None, **more: Any) -> httpx.Response:
        headers = {**(self.as_(key) if key else {}), **more.pop("headers", {})}
        return await self.origin.request(method, path, headers=headers, **more)

    async def join(self, role: str, *, customer: str = ACME, email: str = "") -> Person:
        """A member of the customer who has logged in; its keys make no owners."""
        invited = {"email": email or f"{role}@{customer}.example.com", "role": role}
        answer = await self.call("POST", "/api/invitations", key=self.keys[customer], json=invited)
        assert answer.status_code == 201, answer.text
        accepted = {"token": answer.json()["token"], "name": role.title(), "password": PASSWORD}
        return person(invited["email"], await self.call("POST", "/api/invitations/accept", json=accepted))

    async def until_known(self, key: str, *, known: bool = True) -> None:
        """Until every service has read the key, or that it is revoked."""
        for path in _EACH_SERVICE:

            async def settled(path: str = path) -> bool:
                status = (await self.call("GET", path, key=key)).status_code
                return status != 503 and (status != 401) == known

            await until(settled, what=f"{path} knows of the key")


@contextlib.asynccontextmanager
async def a_whole_api(nats_url: str, database: str) -> AsyncIterator[WholeApi]:
    """All services but the runtime, roomless, with keys of two customers under `keys`, by the customer's name.

    Providers are simulated, so that a key of a customer's own is tested and nobody outside is asked.
    """
    of_gateway = gateway_settings(nats_url, database, rooms=False)
    keys = {str(ACME): await seed(of_gateway), str(OTHER): await seed(of_gateway, customer=OTHER)}
    shared = {
        "nats_url": nats_url,
        "postgres_dsn": database,
        "key_pepper": PEPPER,
        "login_public_keys": LOGIN_PUBLIC_KEYS,
    }
    of_gateway = msgspec.structs.replace(of_gateway, login_public_keys=LOGIN_PUBLIC_KEYS)
    of_panels = panel_bridge.settings.Settings(**shared)
    of_ledger = ledger.settings.Settings(**shared, signing_key=bytes(range(32)).hex())
    async with contextlib.AsyncExitStack() as stack:
        simulators = await stack.enter_async_context(Simulators(scenario=Scenario()))
        of_config = config.settings.Settings(
            **{**OPEN, **shared},
            secret_keys="cd" * 32,
            development_reach_loopback=True,
            provider_urls=provider_urls(simulators),
        )
        await config.bootstrap.migrate(of_config)
        await panel_bridge.bootstrap.migrate(of_panels)
        await ledger.bootstrap.migrate(of_ledger)
        services = {
            "config": await stack.enter_async_context(config.bootstrap.open_service(of_config)),
            "gateway": await stack.enter_async_context(gateway.bootstrap.open_service(of_gateway)),
            "panel-bridge": await stack.enter_async_context(panel_bridge.bootstrap.open_service(of_panels)),
            "ledger": await stack.enter_async_context(ledger.bootstrap.open_service(of_ledger)),
        }
        for service in services.values():
            await until(service.ready, what=f"{service.name} is ready")
        app = edge.together({name: service.app for name, service in services.items()})
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://baton", timeout=30) as origin:
            api = WholeApi(origin, services, keys)
            for key in keys.values():
                await api.until_known(key)
            yield api
