"""How often sessions may start, in the RateLimit headers, beside how often one may ask at all.

Source: draft-ietf-httpapi-ratelimit-headers-10. These count exactly, over all gateways.
"""

from collections.abc import Sequence

from litestar.types import Scope

from chassis.http.tracing import ANSWER_HEADERS
from gateway.adapters.places import Rate


def tell_rates(scope: Scope, rates: Sequence[Rate]) -> None:
    """Add the rates to the headers of this request's answer, whatever that will be."""
    if not rates:
        return
    policy = ", ".join(f'"{rate.quota.kind}";q={rate.quota.starts};w=60' for rate in rates)
    left = ", ".join(f'"{rate.quota.kind}";r={max(0, int(rate.left))};t={rate.full_in_s}' for rate in rates)
    told: list[tuple[bytes, bytes]] = scope["state"].setdefault(ANSWER_HEADERS, [])
    told += [(b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode())]
