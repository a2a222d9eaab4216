"""Config with its two ports, as operators and customers see them."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
from tests.support.config_api import a_key, config_settings
from tests.support.until import until

from chassis.embedded.ports import free_port
from chassis.operators import new_operator_token, operator_entry
from config.bootstrap import migrate, open_service


@dataclass
class Deployment:
    """`admin` sends an operator's token; `public` sends nothing of its own; `key` is of the customer `other`."""

    admin: httpx.AsyncClient
    public: httpx.AsyncClient
    key: str
    token: str


@contextlib.asynccontextmanager
async def a_deployment(nats_url: str, database: str, **more: Any) -> AsyncIterator[Deployment]:
    token, port = new_operator_token("op_grace"), free_port()
    entries = operator_entry(b"pepper", token)
    settings = config_settings(nats_url, database, admin_port=port, operators=entries, **more)
    await migrate(settings)
    key = await a_key(settings, "other")
    async with (
        open_service(settings) as service,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {token}"}, timeout=30
        ) as admin,
        httpx.AsyncClient(transport=httpx.ASGITransport(app=service.app), base_url="http://config") as public,
    ):
        await until(service.ready, what="config is ready")
        yield Deployment(admin, public, key, token)
