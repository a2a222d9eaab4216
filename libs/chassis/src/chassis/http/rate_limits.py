"""How often a customer, and each of its keys, may ask: token buckets, told in the RateLimit headers.

Source: draft-ietf-httpapi-ratelimit-headers-10. The buckets are of this process: n processes let through at most n
times as much, never less than one bucket. What must be exact (open sessions) is counted where it is kept.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

import msgspec

from chassis.errors import TooMany
from chassis.principal import Principal

_MOST_BUCKETS = 20_000


class Quota(msgspec.Struct, frozen=True):
    """`requests` at once at most, and as many again over each `window_s` seconds."""

    requests: int
    window_s: int


CUSTOMER, KEY = Quota(12_000, 60), Quota(6_000, 60)


class TooManyRequests(TooMany):
    """The quota is used up for now."""

    code, title = "too_many_requests", "Requests come faster than your quota allows"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"ask again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class _Bucket:
    __slots__ = ("filled_at", "tokens")

    def __init__(self, tokens: float, filled_at: float) -> None:
        self.tokens, self.filled_at = tokens, filled_at


class RateLimits:
    """All buckets of a process; the least recently used go first, once there are 20,000."""

    def __init__(
        self, *, customer: Quota = CUSTOMER, key: Quota = KEY, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._quotas = {"customer": customer, "key": key}
        self._now = now
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()

    def take(self, principal: Principal) -> list[tuple[bytes, bytes]]:
        """Count one request; the headers that tell what is left. Raises TooManyRequests."""
        names = {"customer": str(principal.customer), "key": principal.actor}
        found = [(kind, quota, self._filled(kind, names[kind], quota)) for kind, quota in self._quotas.items()]
        waits = [(1 - bucket.tokens) * quota.window_s / quota.requests for _, quota, bucket in found]
        if (longest := max(waits)) > 0:
            raise TooManyRequests(max(1, math.ceil(longest)))
        for _, _, bucket in found:
            bucket.tokens -= 1
        return _headers(found)

    def _filled(self, kind: str, name: str, quota: Quota) -> _Bucket:
        now = self._now()
        bucket = self._buckets.setdefault((kind, name), _Bucket(quota.requests, now))
        self._buckets.move_to_end((kind, name))
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)
        gained = (now - bucket.filled_at) * quota.requests / quota.window_s
        bucket.tokens, bucket.filled_at = min(quota.requests, bucket.tokens + gained), now
        return bucket


def _headers(found: Sequence[tuple[str, Quota, _Bucket]]) -> list[tuple[bytes, bytes]]:
    policy = ", ".join(f'"{kind}";q={quota.requests};w={quota.window_s}' for kind, quota, _ in found)
    left = ", ".join(f'"{kind}";r={int(bucket.tokens)};t={_full_in_s(quota, bucket)}' for kind, quota, bucket in found)
    return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode())]


def _full_in_s(quota: Quota, bucket: _Bucket) -> int:
    return math.ceil((quota.requests - bucket.tokens) * quota.window_s / quota.requests)
