"""The port behind `Idempotency-Key`: who may act, and what was answered the first time.

A claim that is neither kept nor released (its process died) lapses after LAPSE_S, so that the request can be made at
all; only then may it act twice. Answers are kept for at least KEEP_S.
"""

from typing import Protocol

import msgspec

from chassis.errors import Conflict, InvalidInput
from contracts.ids import CustomerId

LAPSE_S = 60
KEEP_S = 24 * 3600


class KeyReused(InvalidInput):
    """The key was used for another request."""

    status, code, title = 422, "idempotency_key_reused", "This Idempotency-Key was used for another request"


class StillRunning(Conflict):
    """The first request with this key has no answer yet."""

    code, title = "idempotency_key_in_use", "The first request with this Idempotency-Key is still running"
    retry_after_s: int | None = 1


class Once(msgspec.Struct, frozen=True, kw_only=True):
    """A request that may act once. `fingerprint` is the SHA-256 (hex) of what was asked."""

    customer: CustomerId
    route: str
    key: str
    fingerprint: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as it was given."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Answers(Protocol):
    """First answers by customer, route and key."""

    async def claim(self, once: Once) -> Answer | None:
        """The first answer, or None where it is the caller's to act. Raises KeyReused, StillRunning, Unavailable."""

    async def keep(self, once: Once, answer: Answer) -> None:
        """Settle the claim with its answer; raises Unavailable."""

    async def release(self, once: Once) -> None:
        """Give the claim back, where nothing was done; raises Unavailable."""
