"""Signed calls to where a customer said, in the form of Standard Webhooks, over a guarded client.

The receiver checks ``webhook-signature``: ``v1,`` and base64 of HMAC-SHA-256 over ``<id>.<timestamp>.<body>`` under the
secret that it shares with us. A call that is tried again keeps its id and gets a new timestamp.
Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import random
import re

from chassis.clock import Clock
from chassis.guarded_http import AddressRefused, GuardedAnswer, GuardedClient, GuardedFault, NotReached, TooSlow

SECRET_PREFIX = "whsec_"  # noqa: S105 (how every secret begins, not one)
ATTEMPTS = 3
_WORTH_TRYING_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_FIRST_PAUSE_S = 0.2
_LEAST_LEFT_S = 0.1
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")


class BadSecret(ValueError):
    """Not a secret of Standard Webhooks."""

    code = "bad_secret"


def parse_secret(text: str) -> bytes:
    """The key of ``whsec_<base64 of 24 to 64 bytes>``; raises BadSecret, which does not quote it."""
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(SECRET_PREFIX) or not 24 <= len(key) <= 64:
        raise BadSecret(f"a secret is {SECRET_PREFIX} and base64 of 24 to 64 random bytes")
    return key


def message_id(*parts: str) -> str:
    """An id of its own for a call: the parts themselves where they may stand in a header, else their SHA-256."""
    joined = "_".join(parts)
    return joined if _ID.match(joined) else hashlib.sha256(joined.encode()).hexdigest()


def signature_headers(key: bytes, *, id: str, timestamp: int, content: bytes) -> dict[str, str]:
    """The three headers; `timestamp` in seconds since 1970."""
    signed = hmac.new(key, b".".join((id.encode(), str(timestamp).encode(), content)), hashlib.sha256).digest()
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }


async def call_signed(
    client: GuardedClient,
    url: str,
    *,
    key: bytes,
    id: str,
    content: bytes,
    timeout_s: float,
    repeatable: bool,
    clock: Clock,
) -> GuardedAnswer:
    """POST JSON, signed, with the id for ``Idempotency-Key`` too. `timeout_s` bounds all attempts together.

    A call that nobody can have seen is tried again; one that somebody may have seen, only where it is `repeatable`.
    Answers of all kinds are returned. Raises GuardedFault.
    """
    deadline = clock.monotonic() + timeout_s
    for attempt in range(1, ATTEMPTS + 1):
        headers = {
            **signature_headers(key, id=id, timestamp=int(clock.now().timestamp()), content=content),
            "Idempotency-Key": id,
            "Content-Type": "application/json",
            "Accept": "application/json, text/plain",
            "User-Agent": "Baton",
        }
        # Random, so that the calls of many sessions do not come back together.
        pause_s = _FIRST_PAUSE_S * 2 ** (attempt - 1) * random.uniform(0.5, 1)  # noqa: S311 (jitter)
        left_s = deadline - clock.monotonic()
        last = attempt == ATTEMPTS or left_s <= pause_s + _LEAST_LEFT_S
        try:
            answer = await client.post(url, content=content, headers=headers, timeout_s=max(left_s, _LEAST_LEFT_S))
        except GuardedFault as fault:
            if last or not _may_repeat(fault, repeatable=repeatable):
                raise
        else:
            if last or not repeatable or answer.status not in _WORTH_TRYING_AGAIN:
                return answer
        if deadline - clock.monotonic() <= pause_s + _LEAST_LEFT_S:
            raise TooSlow(f"no good answer in {timeout_s:g} s")
        await asyncio.sleep(pause_s)
    raise AssertionError("the last attempt returns or raises")


def _may_repeat(fault: GuardedFault, *, repeatable: bool) -> bool:
    if isinstance(fault, AddressRefused):
        return False
    return isinstance(fault, NotReached) or repeatable or not fault.sent
