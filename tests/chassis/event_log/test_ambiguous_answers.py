"""What an append on JetStream makes of answers that do not say whether it was stored; one node and three."""

import asyncio
import contextlib
from typing import Any, cast

import pytest
from nats.aio.msg import Msg
from tests.support.envelopes import a_subject, an_event
from tests.support.lossy_client import (
    Fault,
    LossyClient,
    lose_the_answer,
    lose_the_request,
    nobody_there,
    refuse,
    store_and_refuse,
)

from chassis.event_log import LogFault, RevisionConflict
from chassis.nats.connection import Client
from chassis.nats.event_log import NatsEventLog
from contracts.subjects import Log

pytestmark = pytest.mark.integration

FAULTS = [
    pytest.param([lose_the_request], id="a lost request"),
    pytest.param([lose_the_answer], id="a lost answer"),
    pytest.param([lose_the_answer, lose_the_answer], id="two lost answers"),
    pytest.param([lose_the_request, lose_the_answer], id="a lost request and a lost answer"),
    pytest.param([nobody_there], id="no responders"),
    pytest.param([refuse(10210)], id="too many batches"),
    pytest.param([refuse(10071)], id="a conflict that is none, of one node"),
    pytest.param([refuse(10164)], id="a conflict that is none, of three nodes"),
    pytest.param([store_and_refuse(10201)], id="an unknown error although it was stored"),
    pytest.param([store_and_refuse(10071)], id="a conflict although it was stored"),
]


@pytest.fixture(params=["one_node", "three_nodes"])
def client(request: pytest.FixtureRequest) -> Client:
    return cast(Client, request.getfixturevalue(request.param))


def a_lossy_log(client: Client, *faults: Fault, timeout_s: float = 10) -> NatsEventLog:
    return NatsEventLog(cast(Client, LossyClient(client, *faults)), timeout_s=timeout_s)


@pytest.mark.parametrize("faults", FAULTS)
async def test_an_append_is_stored_once_after(client: Client, faults: list[Fault]) -> None:
    log, subject = a_lossy_log(client, *faults), a_subject()
    position = await log.append(Log.SESSIONS, subject, [an_event(1)], expected=0)
    assert position.sequence == 1
    assert await log.end(Log.SESSIONS) == 1


@pytest.mark.parametrize("faults", FAULTS)
async def test_a_stream_that_others_moved_on_is_a_conflict_after(client: Client, faults: list[Fault]) -> None:
    subject = a_subject()
    await NatsEventLog(client).append(Log.SESSIONS, subject, [an_event(1)], expected=0)
    with pytest.raises(RevisionConflict) as caught:
        await a_lossy_log(client, *faults).append(Log.SESSIONS, subject, [an_event(1)], expected=0)
    assert caught.value.actual == 1


async def test_a_stored_commit_is_found_although_another_followed_before_we_looked(client: Client) -> None:
    subject, event = a_subject(), an_event(1)

    async def lose_and_be_overtaken(client: Client, to: str, payload: bytes, options: dict[str, Any]) -> Msg:
        with contextlib.suppress(TimeoutError):
            await lose_the_answer(client, to, payload, options)
        await NatsEventLog(client).append(Log.SESSIONS, subject, [an_event(2)], expected=1)
        raise TimeoutError

    log = a_lossy_log(client, lose_and_be_overtaken)
    assert (await log.append(Log.SESSIONS, subject, [event], expected=0)).sequence == 1
    assert await log.end(Log.SESSIONS) == 2


async def test_a_log_that_never_answers_is_a_fault_within_the_bound(client: Client) -> None:
    log = a_lossy_log(client, *[lose_the_request] * 100, timeout_s=0.5)
    async with asyncio.timeout(5):
        with pytest.raises(LogFault):
            await log.append(Log.SESSIONS, a_subject(), [an_event(1)], expected=0)
    assert await log.end(Log.SESSIONS) == 0


async def test_racing_writers_with_lost_answers_still_have_one_winner(client: Client) -> None:
    subject = a_subject()
    racers = [
        a_lossy_log(client, *faults).append(Log.SESSIONS, subject, [an_event(1)], expected=0)
        for faults in [[lose_the_answer]] * 4 + [[lose_the_request]] * 4 + [[]] * 4
    ]
    answers = await asyncio.gather(*racers, return_exceptions=True)
    assert sum(isinstance(answer, RevisionConflict) for answer in answers) == 11
    assert await NatsEventLog(client).end(Log.SESSIONS) == 1
