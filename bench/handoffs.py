"""P5: a handoff, from the transfer tool's return to the new agent's first request to the model.

Ours against the bare SDK's, in one process, with the same agents against the same simulated model, whose request log
says when the request arrived. The first handoff of each call opens the second agent's connection and is left out.
"""

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from bench.bare_handoffs import BareCall
from bench.figures import Figure, Goal, Progress, figure, in_turns
from bench.handoff_script import scenario
from bench.our_handoffs import OurCall
from chassis.embedded.nats_server import NatsServer
from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.logs import declare_logs
from chassis.nats.object_store import NatsObjectStore
from contracts.subjects import TEMPLATE_VERSIONS_BUCKET
from simulators import Simulators

GOAL = Goal("≤", 1.1)


class Size(msgspec.Struct, frozen=True):
    """`handoffs` in each call, a call in each round."""

    handoffs: int
    rounds: int


FULL = Size(8, 15)
QUICK = Size(3, 1)


class Call(Protocol):
    """A call of either side."""

    returned: list[float]

    async def hold(self, handoffs: int) -> None:
        """Hand over so many times."""


async def measure(say: Progress, *, quick: bool = False) -> list[Figure]:
    """P5."""
    size = QUICK if quick else FULL
    say("P5: handoffs in text")
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
        async with (
            NatsServer(store=Path(folder)) as node,
            connect(node.url, name="bench") as client,
            Simulators(scenario=scenario()) as simulators,
        ):
            await declare_logs(client, replicas=1)
            log, objects = NatsEventLog(client), NatsObjectStore(client, TEMPLATE_VERSIONS_BUCKET)
            url = simulators.openai_base_url
            ours, baseline = await in_turns(
                lambda: _round(OurCall(log=log, objects=objects, base_url=url), simulators, size),
                lambda: _round(BareCall(base_url=url), simulators, size),
                rounds=size.rounds,
            )
    what = "handoff, transfer tool's return to the new agent's first LLM request, against the bare SDK"
    return [figure(id="P5", what=what, unit="ms", goal=GOAL, ours=ours, baseline=baseline)]


async def _round(call: Call, simulators: Simulators, size: Size) -> float:
    """The median handoff of one call, in milliseconds."""
    simulators.requests.clear()
    await call.hold(size.handoffs + 1)
    if len(call.returned) != size.handoffs + 1:
        raise RuntimeError(f"{len(call.returned)} handoffs of {size.handoffs + 1}")
    greetings = [request.at for request in simulators.requests.of("openai") if request.rule == "greet"]
    return statistics.median(_waits(call.returned, greetings)[1:]) * 1000


def _waits(returned: Sequence[float], arrived: Sequence[float]) -> list[float]:
    """For each return the time until the next greeting was asked for; raises StopIteration where none was."""
    return [next(at for at in arrived if at >= moment) - moment for moment in returned]
