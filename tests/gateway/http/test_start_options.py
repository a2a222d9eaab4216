"""What a customer may add to a start: variables, an external id, metadata, another first agent."""

from typing import Any

import httpx
import pytest
from tests.support.gateways import ACME, OTHER, START, a_gateway, gateway_settings, outside, seed

from chassis.errors import InvalidInput
from chassis.nats.requests import ask
from chassis.recording import open_personal
from contracts.commands.keys import KeyAnswer, KeyOpened, OpenKey
from contracts.envelope import Envelope
from contracts.events.session import SessionRequested, UserPersonal
from contracts.ids import SessionId
from contracts.registry import decode_data
from contracts.subjects import OPEN_KEY
from gateway.adapters.memory_livekit import MemoryLiveKit
from gateway.http.given import BadMetadata, BadVariables, check_metadata, check_variables

pytestmark = pytest.mark.integration

GIVEN = {
    "variables": {"topic": "returns for Anna Secret", "tries": 3, "vip": True},
    "external_id": "order-4711",
    "metadata": {"channel": "web", "ticket": "Anna Secret's"},
    "initial_agent": "triage",
}


async def start(gateway: httpx.AsyncClient, **more: Any) -> httpx.Response:
    return await gateway.post("/api/session/start", json={**START, **more})


def requested(told: list[Envelope]) -> SessionRequested:
    data = decode_data(told[0])
    assert isinstance(data, SessionRequested)
    return data


async def test_what_is_given_stands_in_the_request_and_its_words_are_sealed(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    async with a_gateway(settings, key, rooms=MemoryLiveKit()) as gateway, outside(nats_url) as world:
        session = (await start(gateway, **GIVEN)).json()["session_id"]
        told = await world.events(session)

        assert b"Secret" not in b"".join(bytes(one.data) for one in told)
        data = requested(told)
        assert (data.external_id, data.initial_agent, len(data.metadata_digests)) == ("order-4711", "triage", 2)
        question = OpenKey(customer=ACME, session=SessionId(session), keyid=told[0].keyid, reader="test")
        answer: KeyAnswer = await ask(world.nats, OPEN_KEY, question, KeyAnswer, timeout_s=5)
        assert isinstance(answer, KeyOpened)
        personal = open_personal(told[0], answer.key)
        assert isinstance(personal, UserPersonal)
        assert personal.variables == GIVEN["variables"]
        assert personal.session_metadata == GIVEN["metadata"]


async def test_equal_metadata_has_equal_digests_with_one_customer_and_none_with_another(
    nats_url: str, database: str
) -> None:
    settings = gateway_settings(nats_url, database)
    key, other = await seed(settings), await seed(settings, customer=OTHER)
    async with a_gateway(settings, key, rooms=MemoryLiveKit()) as gateway, outside(nats_url) as world:
        found = []
        for with_key in (key, key, other):
            gateway.headers["Authorization"] = f"Bearer {with_key}"
            session = (await start(gateway, metadata={"channel": "web"})).json()["session_id"]
            found.append(requested(await world.events(session)).metadata_digests)
        plain = (await start(gateway)).json()["session_id"]

        assert found[0] == found[1] != found[2]
        assert requested(await world.events(plain)).metadata_digests == []


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"initial_agent": "nobody"}, "unknown_agent", "/initial_agent"),
    ({"initial_agent": "a.b"}, "invalid_id", "/initial_agent"),
    ({"external_id": "x" * 65}, "invalid_id", "/external_id"),
    ({"external_id": "order 4711"}, "invalid_id", "/external_id"),
    ({"variables": {"a": 1.5}}, "invalid_input", "/variables"),
    ({"variables": {"a b": "x"}}, "invalid_variables", "/variables/a b"),
    ({"variables": {"a/b": "x"}}, "invalid_variables", "/variables/a~1b"),
    ({"variables": {"a": "x" * 2001}}, "invalid_variables", "/variables/a"),
    ({"variables": {"a": 2**60}}, "invalid_variables", "/variables/a"),
    ({"variables": {f"a{n}": n for n in range(51)}}, "invalid_variables", "/variables"),
    ({"metadata": {"a": 1}}, "invalid_input", "/metadata"),
    ({"metadata": {"a=b": "x"}}, "invalid_metadata", "/metadata/a=b"),
    ({"metadata": {"a": "x" * 257}}, "invalid_metadata", "/metadata/a"),
    ({"metadata": {f"a{n}": "x" for n in range(21)}}, "invalid_metadata", "/metadata"),
]


async def test_each_mistake_is_pointed_at_and_leaves_no_event(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    async with a_gateway(settings, key, rooms=MemoryLiveKit()) as gateway, outside(nats_url) as world:
        for more, code, pointer in BAD:
            answer = await start(gateway, **more)
            assert (answer.status_code, answer.json()["code"]) == (400, code), (more, answer.text)
            assert answer.json()["errors"][0]["pointer"].rstrip("/") == pointer, answer.text
        assert await world.count() == 0


def test_the_largest_that_may_be_given_is_taken() -> None:
    check_variables({f"a{n}": "x" * 2000 for n in range(50)})
    check_variables({"a" * 64: 2**53, "b": -(2**53), "c": False})
    check_metadata({f"a{n}": "x" * 256 for n in range(20)})
    refused: list[tuple[Any, type[InvalidInput]]] = [
        (lambda: check_variables({"": "x"}), BadVariables),
        (lambda: check_metadata({"": "x"}), BadMetadata),
    ]
    for check, refusal in refused:
        with pytest.raises(refusal):
            check()
