"""What a refused request must look like, and the proof that it left nothing in any log."""

import contextlib
from collections.abc import AsyncIterator, Mapping

import httpx

from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from contracts.subjects import Log


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, object]:
    """The problem of an answer, which must be one of RFC 9457 with this status and this stable code."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem: dict[str, object] = answer.json()
    assert problem["code"] == code, problem
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    return problem


async def ends(nats_url: str) -> Mapping[Log, int]:
    """The last sequence of every log."""
    async with connect(nats_url, name="test") as client:
        log = NatsEventLog(client)
        return {name: await log.end(name) for name in Log}


@contextlib.asynccontextmanager
async def no_event(nats_url: str) -> AsyncIterator[None]:
    """What happens within appends nothing to any log."""
    before = await ends(nats_url)
    yield
    assert await ends(nats_url) == before
