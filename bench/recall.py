"""K1: recall@5 on thirty questions to a library of manuals: by words and by meaning, against words alone.

A question counts as answered when a chunk of the section that answers it is among the first five. With
BATON_EMBEDDINGS_BASE_URL in the environment (and _KEY, _MODEL, _DIMENSIONS) meaning is what that endpoint makes of it;
else it is the simulated vectors', which know parts of words and no synonyms.
"""

import contextlib
import os
import secrets
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
from tests.support.knowledge import Recall, add_library, manuals, recall

from bench.figures import Figure, Goal, Progress, figure
from chassis.embedded.nats_server import NatsServer
from chassis.embedded.postgres import Postgres
from chassis.principal import Principal
from config.bootstrap import migrate, open_entities, open_service
from config.settings import Settings
from contracts.access import SCOPES
from contracts.ids import CustomerId
from simulators import Scenario, Simulators

GOAL = Goal("≥", 1.0)
_CUSTOMER = CustomerId("bench")


async def measure(say: Progress, *, quick: bool = False) -> list[Figure]:
    """K1; the same answers every time, and so one round, quick or not."""
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
        async with (
            NatsServer(store=Path(folder) / "nats") as nats,
            Postgres(folder=Path(folder) / "postgres", password=secrets.token_urlsafe(16)) as postgres,
            Simulators(scenario=Scenario()) as simulators,
        ):
            keys = {"key_pepper": "bench", "secret_keys": secrets.token_hex(32)}
            bare: dict[str, Any] = {"nats_url": nats.url, "postgres_dsn": postgres.dsn, **keys}
            say("K1: recall by words")
            words = await _recall(bare, mode="text")
            say("K1: recall by words and meaning")
            both = await _recall(bare | _endpoint(simulators), mode="hybrid")
    missed = "; ".join(both.missed) or "none"
    what = f"recall@5 of {both.asked} questions to {len(manuals())} manuals, words and meaning, against words alone"
    return [
        figure(
            id="K1",
            what=what,
            unit="%",
            goal=GOAL,
            ours=[100 * both.share],
            baseline=[100 * words.share],
            note=f"{both.found} and {words.found} of {both.asked} found. Missed by both rankings together: {missed}",
        )
    ]


def _endpoint(simulators: Simulators) -> dict[str, Any]:
    if url := os.environ.get("BATON_EMBEDDINGS_BASE_URL"):
        found: dict[str, Any] = {"embeddings_base_url": url, "embeddings_key": os.environ["BATON_EMBEDDINGS_KEY"]}
        if model := os.environ.get("BATON_EMBEDDINGS_MODEL"):
            found |= {"embeddings_model": model}
        if dimensions := os.environ.get("BATON_EMBEDDINGS_DIMENSIONS"):
            found |= {"embeddings_dimensions": int(dimensions)}
        return found
    return {"embeddings_base_url": simulators.openai_base_url, "embeddings_key": "simulated"}


async def _recall(servers: dict[str, Any], *, mode: str) -> Recall:
    """A library of its own, for a customer of its own."""
    customer = CustomerId(f"{_CUSTOMER}-{mode}")
    settings = Settings(**servers, development_reach_loopback=True)
    async with _a_customer(settings, customer) as api:
        await add_library(api, manuals())
        return await recall(api, mode=mode)


@contextlib.asynccontextmanager
async def _a_customer(settings: Settings, customer: CustomerId) -> AsyncIterator[httpx.AsyncClient]:
    await migrate(settings)
    bench = Principal(customer=customer, actor="bench", scopes=frozenset(SCOPES), livemode=False)
    async with open_entities(settings) as entities:
        issued = await entities.issue_key(bench, scopes=sorted(SCOPES), livemode=False)
    async with open_service(settings) as service:
        transport = httpx.ASGITransport(app=service.app)
        headers = {"Authorization": f"Bearer {issued.key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://config", headers=headers) as api:
            while (await api.get("/api/knowledge/documents")).status_code in (401, 503):
                pass
            yield api
