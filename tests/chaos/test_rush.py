"""Sixty-four starts at once over two gateway processes at a limit of ten: ten get in, and each has its one agent."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from tests.support.live_calls import a_customer, slots_taken, until_no_slot_is_taken
from tests.support.log_watch import LogWatch, watching
from tests.support.stack import Stack
from tests.support.until import until

from baton.ready import Ready
from chassis.embedded.ports import free_ports
from contracts.template_version import Limits
from gateway.adapters.livekit import open_livekit
from gateway.adapters.rooms import Rooms

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos-calls")]

AT_ONCE, LIMIT, SERVED_WITHIN_S = 64, 10, 15.0


@contextlib.contextmanager
def a_second_gateway(stack: Stack) -> Iterator[str]:
    """`baton run gateway` beside the stack's own, in a process of its own; yields its address."""
    (port,) = free_ports(1)
    with (stack.data / "logs" / "second-gateway.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "baton", "run", "gateway", "--data", str(stack.data)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "BATON_PORT": str(port)},
            start_new_session=True,
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


@contextlib.asynccontextmanager
async def both(live: Ready, second: str) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """Clients of the stack's origin and of the second gateway, once it answers for this customer."""
    headers = {"Authorization": f"Bearer {live.api_key}"}
    async with (
        httpx.AsyncClient(base_url=live.api_url, headers=headers, timeout=30) as one,
        httpx.AsyncClient(base_url=second, headers=headers, timeout=30) as two,
    ):

        async def ready() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return (await two.get("/api/session/none/status")).status_code == 404
            return False

        await until(ready, what="the second gateway knows the key", timeout_s=40)
        yield one, two


async def start(gateway: httpx.AsyncClient, live: Ready, number: int) -> httpx.Response:
    body = {"template_id": live.template_id, "user_info": {"id": f"person-{number}"}}
    return await gateway.post("/api/session/start", json=body)


async def agents_of(rooms: Rooms, sessions: list[str]) -> list[int]:
    """How many agents are in each session's room, as LiveKit says."""
    seen = await asyncio.gather(*(rooms.look(one, now_s=time.time(), dispatches=False) for one in sessions))
    return [sum(participant.agent for participant in room.participants) for room in seen]


async def test_of_64_starts_at_once_ten_get_in_and_each_has_exactly_one_agent_within_15_seconds(stack: Stack) -> None:
    live = await a_customer(
        stack.ready, stack.data, "crowd", max_sessions=LIMIT, limits=Limits(join_timeout_s=120, max_duration_s=300)
    )
    watch = LogWatch()
    async with (
        watching(live.nats_url, watch),
        open_livekit(url=live.livekit_url, key=live.livekit_key, secret=live.livekit_secret) as rooms,
    ):
        with a_second_gateway(stack) as second:
            async with both(live, second) as gateways:
                answers = await asyncio.gather(*(start(gateways[n % 2], live, n) for n in range(AT_ONCE)))
                assert Counter(one.status_code for one in answers) == {201: LIMIT, 429: AT_ONCE - LIMIT}
                assert all(int(one.headers["retry-after"]) > 0 for one in answers if one.status_code == 429)
                sessions = [one.json()["session_id"] for one in answers if one.status_code == 201]

                async def served() -> bool:
                    agents = await agents_of(rooms, sessions)
                    assert max(agents) <= 1, "never two, on the way there either"
                    return agents == [1] * LIMIT

                await until(served, what="each room has its agent", timeout_s=SERVED_WITHIN_S)
                assert [watch.types(one).count("session.job_claimed") for one in sessions] == [1] * LIMIT

                await gateways[1].post(f"/api/session/{sessions[0]}/end")

                async def one_is_free() -> bool:
                    return sorted(await slots_taken(live, "crowd")) == sorted(sessions[1:])

                await until(one_is_free, what="exactly that slot is free")
                again = await asyncio.gather(*(start(gateways[n % 2], live, n) for n in range(6)))
                assert Counter(one.status_code for one in again) == {201: 1, 429: 5}
                sessions += [one.json()["session_id"] for one in again if one.status_code == 201]
                for one in sessions:
                    await gateways[0].post(f"/api/session/{one}/end")
        await until_no_slot_is_taken(live, "crowd")
