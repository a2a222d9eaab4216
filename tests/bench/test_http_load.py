"""The benchmarks' own HTTP client, against a server of the kind that it measures."""

from typing import Any

import pytest
from bench.http_load import BadAnswer, burst, post
from litestar import Litestar
from litestar import post as route
from litestar.params import JSONBody

from chassis.service import serving

pytestmark = pytest.mark.integration


@route("/echo")
async def echo(data: JSONBody[dict[str, Any]]) -> dict[str, Any]:
    return data


def an_app() -> Litestar:
    return Litestar([echo], openapi_config=None, logging_config=None)


async def test_every_request_of_a_burst_is_answered_once() -> None:
    requests = [post("/echo", b'{"n":%d}' % n, {}) for n in range(50)]
    async with serving(an_app()) as port:
        found = await burst(port, requests, connections=4)
    assert sorted(found.bodies) == sorted(b'{"n":%d}' % n for n in range(50))
    assert len(found.latencies_s) == 50
    assert max(found.latencies_s) <= found.elapsed_s
    assert found.per_second == 50 / found.elapsed_s


async def test_an_answer_that_is_no_success_breaks_the_burst() -> None:
    async with serving(an_app()) as port:
        with pytest.raises(ExceptionGroup) as raised:
            await burst(port, [post("/nowhere", b"{}", {})], connections=1)
    assert raised.group_contains(BadAnswer, match="404")
