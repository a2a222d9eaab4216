"""Signed calls: as Standard Webhooks has them, and repeated only where nothing can happen twice."""

import asyncio
import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.listeners import Listener, Talk, answering, listening

from chassis.clock import SystemClock
from chassis.guarded_http import AddressRefused, AnswerRefused, GuardedAnswer, GuardedClient, NotReached, TooSlow
from chassis.signed_calls import BadSecret, call_signed, message_id, parse_secret, signature_headers

pytestmark = pytest.mark.unit

KEY = b"k" * 32


def test_the_example_of_the_specification_verifies() -> None:
    """The vector of the reference libraries: https://github.com/standard-webhooks/standard-webhooks."""
    key = parse_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signature_headers(
        key, id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330, content=b'{"test": 2432232314}'
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "text", ["", "whsec_", "whsec_!!!!", "whsec_" + base64.b64encode(b"x" * 23).decode(), "x" * 40, "whsec_é"]
)
def test_what_is_no_secret_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(BadSecret) as caught:
        parse_secret(text)
    assert text in ("", "whsec_") or text not in str(caught.value)


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_call_gets_an_id_that_may_stand_in_a_header(session: str, call: str) -> None:
    id = message_id(session, call)
    assert id.isascii()
    assert set(id) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
    assert 1 <= len(id) <= 128


def statuses(*lines: str) -> Talk:
    """One answer after another; the last one for ever."""
    talks = [answering(line, body=line.encode()) for line in lines]

    async def talk(request: bytes, writer: asyncio.StreamWriter) -> None:
        current = talks.pop(0) if len(talks) > 1 else talks[0]
        await current(request, writer)

    return talk


async def call(peer: Listener, **changes: Any) -> GuardedAnswer:
    options: dict[str, Any] = {"timeout_s": 5.0, "repeatable": False, "key": KEY, "id": "call_1", **changes}
    async with GuardedClient(allow=lambda *_: True) as client:
        url = f"http://127.0.0.1:{peer.port}/"
        return await call_signed(client, url, content=b"{}", clock=SystemClock(), **options)


def ids(peer: Listener) -> set[bytes]:
    return {line for request in peer.requests for line in request.split(b"\r\n") if line.startswith(b"webhook-id")}


async def test_a_call_that_may_be_repeated_is_tried_again_under_the_same_id() -> None:
    async with listening(statuses("503 No", "429 No", "200 OK")) as peer:
        assert (await call(peer, repeatable=True)).status == 200
    assert (len(peer.requests), len(ids(peer))) == (3, 1)


async def test_a_call_is_tried_three_times_at_most_and_the_last_answer_is_given() -> None:
    async with listening(statuses("503 No")) as peer:
        assert (await call(peer, repeatable=True)).status == 503
    assert len(peer.requests) == 3


@pytest.mark.parametrize("status", ["500 No", "503 No", "429 No"])
async def test_a_call_that_may_not_be_repeated_is_made_once(status: str) -> None:
    async with listening(statuses(status, "200 OK")) as peer:
        assert (await call(peer)).status == int(status[:3])
    assert len(peer.requests) == 1


async def test_a_refusal_is_an_answer_and_is_not_repeated() -> None:
    async with listening(statuses("400 No", "200 OK")) as peer:
        assert (await call(peer, repeatable=True)).status == 400


async def test_an_answer_that_breaks_off_is_tried_again_only_where_it_may_be() -> None:
    async def breaks(_request: bytes, _writer: asyncio.StreamWriter) -> None:
        """Says nothing, and closes."""

    for repeatable, times in ((True, 3), (False, 1)):
        async with listening(breaks) as peer:
            with pytest.raises(AnswerRefused):
                await call(peer, repeatable=repeatable)
            assert len(peer.requests) == times


async def test_all_attempts_together_end_in_time() -> None:
    async def silent(_request: bytes, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with listening(silent) as peer, asyncio.timeout(5):
        with pytest.raises(TooSlow):
            await call(peer, repeatable=True, timeout_s=0.5)


async def test_nobody_there_is_tried_again_even_where_it_may_not_be_repeated() -> None:
    resolved: list[str] = []

    async def resolve(host: str, _port: int) -> list[str]:
        resolved.append(host)
        raise OSError

    async with GuardedClient(resolve=resolve) as client:
        with pytest.raises(NotReached):
            await call_signed(
                client,
                "https://nobody.example/",
                key=KEY,
                id="call_1",
                content=b"{}",
                timeout_s=5,
                repeatable=False,
                clock=SystemClock(),
            )
    assert len(resolved) == 3


async def test_a_forbidden_address_is_not_tried_again() -> None:
    async with GuardedClient() as client:
        with pytest.raises(AddressRefused):
            await call_signed(
                client,
                "https://127.0.0.1/",
                key=KEY,
                id="call_1",
                content=b"{}",
                timeout_s=5,
                repeatable=True,
                clock=SystemClock(),
            )
