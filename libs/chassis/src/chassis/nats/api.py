"""JetStream's own request/reply API, in raw JSON.

nats-py's dataclasses drop what they do not know, so a configuration that went through them may come back poorer.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
import nats.errors

from chassis.event_log import LogFault
from chassis.nats.connection import Client

NO_MESSAGE = 10037
STREAM_NOT_FOUND = 10059
CONSUMER_NOT_FOUND = 10014

_ATTEMPT_S = 2.0
_PAUSE_S = 0.2

T = TypeVar("T")


class ApiError(msgspec.Struct, frozen=True):
    """How JetStream says no."""

    code: int = 0
    err_code: int = 0
    description: str = ""


class ApiRefused(LogFault):
    """JetStream answered with an error; `err_code` is its own number for it."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(f"JetStream refused: {error.err_code} {error.description}")
        self.err_code = error.err_code


class _Failure(msgspec.Struct):
    error: ApiError | None = None


async def call(client: Client, subject: str, request: object, answer_type: type[T], *, timeout_s: float) -> T:
    """Ask ``$JS.API.<subject>``. Raises ApiRefused, or LogFault when nobody answers within `timeout_s` seconds."""
    body = b"" if request is None else msgspec.json.encode(request)
    try:
        answer = await client.request(f"$JS.API.{subject}", body, timeout=max(timeout_s, 0.001))
    except (nats.errors.Error, OSError, TimeoutError) as error:
        raise LogFault(f"JetStream did not answer {subject.split('.')[0]}: {type(error).__name__}") from error
    failure = msgspec.json.decode(answer.data, type=_Failure).error
    if failure is not None:
        raise ApiRefused(failure)
    return msgspec.json.decode(answer.data, type=answer_type)


async def patiently(client: Client, ask: Callable[[float], Awaitable[T]], *, timeout_s: float) -> T:
    """Repeat a question that only reads until it is answered: an election leaves some seconds without a leader.

    `ask` gets the seconds that one attempt may take. Raises LogFault after `timeout_s`, at once when there is no such
    stream or the connection is closed for good.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        left_s = deadline - time.monotonic()
        try:
            return await ask(max(0.001, min(_ATTEMPT_S, left_s)))
        except LogFault as fault:
            missing = isinstance(fault, ApiRefused) and fault.err_code == STREAM_NOT_FOUND
            if missing or client.is_closed or left_s <= _PAUSE_S:
                raise
        await asyncio.sleep(_PAUSE_S * random.uniform(0.5, 1))  # noqa: S311 (jitter)


def nanoseconds(rfc3339: str) -> int:
    """Nanoseconds since 1970 of JetStream's timestamps, which have up to nine decimals and always Z."""
    whole, _, fraction = rfc3339.removesuffix("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())
    return seconds * 1_000_000_000 + int(fraction.ljust(9, "0") or 0)
