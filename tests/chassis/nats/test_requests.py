"""Typed request/reply: what comes back when all is well, when nobody is there, and when something is wrong."""

import asyncio

import msgspec
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from structlog.testing import capture_logs

from chassis.nats.connection import Client
from chassis.nats.requests import NoAnswer, RequestRefused, ask, serve

pytestmark = pytest.mark.integration

BOUND_S = 10
SUBJECT = "req.test.double"


class Double(msgspec.Struct):
    number: int
    note: str = ""


class Doubled(msgspec.Struct, tag="doubled"):
    number: int


class TooLarge(msgspec.Struct, tag="too_large"):
    most: int


async def double(request: Double) -> Doubled | TooLarge:
    return Doubled(2 * request.number) if request.number < 100 else TooLarge(99)


Answer = Doubled | TooLarge


async def test_an_answer_has_the_type_that_the_contract_names(client: Client) -> None:
    async with await serve(client, SUBJECT, Double, double, queue=None):
        assert await ask(client, SUBJECT, Double(21), Answer, timeout_s=BOUND_S) == Doubled(42)
        assert await ask(client, SUBJECT, Double(100), Answer, timeout_s=BOUND_S) == TooLarge(99)


async def test_nobody_there_is_told_at_once(client: Client) -> None:
    async with asyncio.timeout(BOUND_S):
        with pytest.raises(NoAnswer) as caught:
            await ask(client, SUBJECT, Double(1), Doubled, timeout_s=1000)
    assert caught.value.nobody


async def test_silence_is_told_apart_from_nobody_there(client: Client) -> None:
    async def never(request: Double) -> Doubled:
        await asyncio.Event().wait()
        raise AssertionError

    serving = await serve(client, SUBJECT, Double, never, queue=None)
    with pytest.raises(NoAnswer) as caught:
        await ask(client, SUBJECT, Double(1), Doubled, timeout_s=0.05)
    assert not caught.value.nobody
    for task in serving._running:
        task.cancel()
    await serving.close()


async def test_a_closed_one_serves_no_more(client: Client) -> None:
    async with await serve(client, SUBJECT, Double, double, queue=None):
        pass
    with pytest.raises(NoAnswer) as caught:
        await ask(client, SUBJECT, Double(1), Doubled, timeout_s=BOUND_S)
    assert caught.value.nobody


async def test_a_request_that_does_not_decode_is_refused_and_the_next_is_served(client: Client) -> None:
    async with await serve(client, SUBJECT, Double, double, queue=None):
        with pytest.raises(RequestRefused) as caught:
            await ask(client, SUBJECT, {"number": "many"}, Doubled, timeout_s=BOUND_S)
        assert caught.value.code == "invalid_request"
        assert await ask(client, SUBJECT, Double(1), Doubled, timeout_s=BOUND_S) == Doubled(2)


async def test_a_handler_that_fails_is_told_without_a_word_of_what_was_asked(client: Client) -> None:
    async def fail(request: Double) -> Doubled:
        raise ValueError(f"I cannot take {request.note}")

    with capture_logs() as logs:
        async with await serve(client, SUBJECT, Double, fail, queue=None):
            with pytest.raises(RequestRefused) as caught:
                await ask(client, SUBJECT, Double(1, "a secret"), Doubled, timeout_s=BOUND_S)
    assert caught.value.code == "failed"
    [line] = [line for line in logs if line["event"] == "request_failed"]
    assert line["error"] == "ValueError"
    assert "secret" not in str(logs)
    assert "secret" not in str(caught.value)


async def test_an_answer_of_another_type_is_no_answer(client: Client) -> None:
    async with await serve(client, SUBJECT, Double, double, queue=None):
        with pytest.raises(RequestRefused) as caught:
            await ask(client, SUBJECT, Double(100), Doubled, timeout_s=BOUND_S)
    assert caught.value.code == "invalid_answer"


async def test_one_member_of_a_queue_gets_each_request(client: Client) -> None:
    served = [0, 0]

    async def first(request: Double) -> Doubled:
        served[0] += 1
        return Doubled(request.number)

    async def second(request: Double) -> Doubled:
        served[1] += 1
        return Doubled(request.number)

    async with (
        await serve(client, SUBJECT, Double, first, queue="doublers"),
        await serve(client, SUBJECT, Double, second, queue="doublers"),
    ):
        await asyncio.gather(*(ask(client, SUBJECT, Double(n), Doubled, timeout_s=BOUND_S) for n in range(100)))
    assert sum(served) == 100
    assert min(served) > 0


async def test_no_more_run_at_once_than_the_limit(client: Client) -> None:
    running, most, release = 0, 0, asyncio.Event()

    async def count(request: Double) -> Doubled:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await release.wait()
        running -= 1
        return Doubled(request.number)

    async with await serve(client, SUBJECT, Double, count, queue=None, limit=3):
        asked = [asyncio.create_task(ask(client, SUBJECT, Double(n), Doubled, timeout_s=BOUND_S)) for n in range(20)]
        async with asyncio.timeout(BOUND_S):
            while running < 3:  # noqa: ASYNC110 (the handlers tell nobody)
                await asyncio.sleep(0)
        release.set()
        answers = await asyncio.gather(*asked)
    assert [answer.number for answer in answers] == list(range(20))
    assert most == 3


async def test_the_trace_goes_along(client: Client) -> None:
    seen: list[int] = []

    async def look(request: Double) -> Doubled:
        seen.append(trace.get_current_span().get_span_context().trace_id)
        return Doubled(0)

    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    async with await serve(client, SUBJECT, Double, look, queue=None):
        with tracer.start_as_current_span("asking") as span:
            await ask(client, SUBJECT, Double(1), Doubled, timeout_s=BOUND_S)
    assert seen == [span.get_span_context().trace_id]
