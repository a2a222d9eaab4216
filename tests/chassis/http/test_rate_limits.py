"""Token buckets: what a customer and a key may ask for, and what they are told."""

import pytest

from chassis.http.rate_limits import Quota, RateLimits, TooManyRequests
from chassis.principal import Principal
from contracts.ids import CustomerId

pytestmark = pytest.mark.unit


class Watch:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def a_principal(key: str, customer: str = "acme") -> Principal:
    return Principal(customer=CustomerId(customer), actor=key, scopes=frozenset(), livemode=False)


def served(limits: RateLimits, principal: Principal, *, of: int) -> int:
    count = 0
    for _ in range(of):
        try:
            limits.take(principal)
        except TooManyRequests:
            continue
        count += 1
    return count


def test_a_key_gets_its_quota_and_then_as_much_as_comes_back() -> None:
    watch = Watch()
    limits = RateLimits(customer=Quota(100, 10), key=Quota(4, 2), now=watch)
    assert served(limits, a_principal("a"), of=10) == 4
    with pytest.raises(TooManyRequests) as refused:
        limits.take(a_principal("a"))
    assert refused.value.retry_after_s == 1
    watch.now += 1
    assert served(limits, a_principal("a"), of=10) == 2
    watch.now += 1000
    assert served(limits, a_principal("a"), of=10) == 4


def test_the_keys_of_a_customer_share_its_quota_and_another_customer_has_its_own() -> None:
    limits = RateLimits(customer=Quota(6, 60), key=Quota(4, 60), now=Watch())
    assert served(limits, a_principal("a"), of=10) == 4
    assert served(limits, a_principal("b"), of=10) == 2
    assert served(limits, a_principal("c", "other"), of=10) == 4


def test_the_headers_tell_the_policy_and_what_is_left() -> None:
    limits = RateLimits(customer=Quota(100, 10), key=Quota(4, 2), now=Watch())
    limits.take(a_principal("a"))
    assert dict(limits.take(a_principal("a"))) == {
        b"ratelimit-policy": b'"customer";q=100;w=10, "key";q=4;w=2',
        b"ratelimit": b'"customer";r=98;t=1, "key";r=2;t=1',
    }


def test_buckets_are_bounded_and_the_least_used_go_first() -> None:
    limits = RateLimits(customer=Quota(10**6, 10), key=Quota(1, 10**6), now=Watch())
    assert served(limits, a_principal("first"), of=2) == 1
    for number in range(20_000):
        served(limits, a_principal(f"k{number}"), of=1)
    assert served(limits, a_principal("k19999"), of=1) == 0
    assert served(limits, a_principal("first"), of=1) == 1, "forgotten, and so full again"
