"""/api/tools over a real NATS and real listeners: secrets go in and never come out."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from tests.support.listeners import Listener, answering, listening

from chassis.nats import api as jetstream
from chassis.nats import messages
from chassis.nats.connection import Client, connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.requests import ask
from chassis.principal import Principal
from config.bootstrap import migrate, open_entities, open_service
from config.settings import Settings
from contracts.access import SCOPES
from contracts.builtin_tools import BUILTIN_TOOLS
from contracts.commands.secrets import OpenToolSecrets, ToolSecretsAnswer, ToolSecretsOpened, ToolSecretsRefused
from contracts.ids import CustomerId, VersionHash
from contracts.subjects import SECRETS_BUCKET, TOOL_SECRETS, Log

pytestmark = pytest.mark.integration

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
OLD, NEW = "ab" * 32, "cd" * 32


def secret_of(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


def tool(**changes: Any) -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": {"order": {"type": "string", "maxLength": 20}},
        "required": ["order"],
        "additionalProperties": False,
    }
    return {
        "description": "Looks up an order.",
        "parameters": parameters,
        "url": "https://tools.example.com/",
        **changes,
    }


def new_tool(**changes: Any) -> dict[str, Any]:
    return tool(name="look_up", secret=secret_of(KEY), **changes)


@pytest.fixture
def settings(nats_url: str, database: str) -> Settings:
    return Settings(
        nats_url=nats_url,
        postgres_dsn=database,
        key_pepper="pepper",
        secret_keys=OLD,
        development_reach_loopback=True,
    )


@pytest.fixture
async def nats(settings: Settings) -> AsyncIterator[Client]:
    async with connect(settings.nats_url, name="test") as client:
        yield client


async def a_key(settings: Settings, customer: str) -> str:
    operator = Principal(customer=CustomerId(customer), actor="operator", scopes=frozenset(SCOPES), livemode=False)
    async with open_entities(settings) as entities:
        return (await entities.issue_key(operator, scopes=sorted(SCOPES), livemode=False))[1]


@pytest.fixture
async def keys(settings: Settings) -> dict[str, str]:
    await migrate(settings)
    return {customer: await a_key(settings, customer) for customer in ("acme", "other")}


class Api:
    """The service, asked by either customer."""

    def __init__(self, app: Any, keys: dict[str, str]) -> None:
        self._app, self._keys = app, keys

    async def __call__(
        self, method: str, path: str, *, body: Any = None, by: str = "acme", if_match: str = ""
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._keys[by]}", **({"If-Match": if_match} if if_match else {})}
        transport = httpx.ASGITransport(app=self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
            while (answer := await client.request(method, path, json=body)).status_code in (401, 503):
                pass
            return answer


@pytest.fixture
async def api(settings: Settings, keys: dict[str, str]) -> AsyncIterator[Api]:
    async with open_service(settings) as service:
        yield Api(service.app, keys)


async def publish(api: Api, *tools: str) -> httpx.Response:
    agent = {"name": "A", "instructions": "Help.", "tools": list(tools)}
    read = (await api("GET", "/api/agents/a")).headers.get("ETag", "")
    assert (await api("PUT", "/api/agents/a", body=agent, if_match=read)).status_code == 200
    template = {"name": "T", "agents": ["a"], "initial_agent": "a"}
    assert (await api("PUT", "/api/templates/t", body=template)).status_code == 200
    return await api("POST", "/api/templates/t/publish")


async def test_a_tool_is_created_listed_revised_and_archived(api: Api) -> None:
    created = await api("POST", "/api/tools", body=new_tool())
    assert (created.status_code, created.json()["name"]) == (201, "look_up")
    assert (await api("GET", "/api/tools/look_up")).json() == created.json()
    listed = (await api("GET", "/api/tools")).json()["data"]
    kinds = {one["name"]: one["kind"] for one in listed}
    assert kinds == {**dict.fromkeys(BUILTIN_TOOLS, "builtin"), "look_up": "custom"}
    shown = {one["name"]: one["parameters"] for one in listed}
    assert shown["look_up"] == tool()["parameters"]
    assert shown["end_session"]["required"] == ["reason"]
    revised = await api("PUT", "/api/tools/look_up", body=tool(timeout_s=5))
    assert revised.json()["definition"]["timeout_s"] == 5
    assert (await api("PUT", "/api/tools/look_up", body=tool(timeout_s=5))).json() == revised.json()
    for _ in range(2):
        assert (await api("DELETE", "/api/tools/look_up")).status_code == 204
    assert (await api("GET", "/api/tools/look_up")).json()["archived"] is True
    refused = await api("PUT", "/api/tools/look_up", body=tool())
    assert (refused.status_code, refused.json()["code"]) == (409, "tool_archived")


async def test_a_name_is_taken_once_and_another_customers_tool_is_not_there(api: Api) -> None:
    assert (await api("POST", "/api/tools", body=new_tool())).status_code == 201
    assert (await api("POST", "/api/tools", body=new_tool())).json()["code"] == "tool_exists"
    for method, path, body in (
        ("GET", "/api/tools/look_up", None),
        ("PUT", "/api/tools/look_up", tool()),
        ("DELETE", "/api/tools/look_up", None),
        ("POST", "/api/tools/look_up/try", {"arguments": {"order": "1"}}),
    ):
        assert (await api(method, path, body=body, by="other")).status_code == 404
    assert len((await api("GET", "/api/tools", by="other")).json()["data"]) == len(BUILTIN_TOOLS)
    assert (await api("POST", "/api/tools", body=new_tool(), by="other")).status_code == 201


async def test_mistakes_are_told_together_with_pointers(api: Api) -> None:
    wrong = new_tool(url="https://169.254.169.254/", timeout_s=60) | {"name": "end_session", "secret": "word"}
    answer = await api("POST", "/api/tools", body=wrong)
    assert answer.status_code == 400
    assert {error["pointer"] for error in answer.json()["errors"]} == {"/name", "/url", "/timeout_s", "/secret"}
    assert "word" not in answer.text


async def test_a_secret_never_comes_back_and_stands_nowhere_open(api: Api, nats: Client) -> None:
    answers = [await api("POST", "/api/tools", body=new_tool())]
    answers.append(await api("PUT", "/api/tools/look_up", body=tool(secret=secret_of(OTHER_KEY))))
    answers += [await api("GET", "/api/tools/look_up"), await api("GET", "/api/tools"), await publish(api, "look_up")]
    stored = [answer.content for answer in answers]
    stored += [commit.payload async for commit in NatsEventLog(nats).read(Log.CONFIG, "cfg.>")]
    for stream in (f"KV_{SECRETS_BUCKET}", "OBJ_TEMPLATE_VERSIONS"):
        end = (await jetstream.call(nats, f"STREAM.INFO.{stream}", None, dict[str, Any], timeout_s=5))["state"]
        for sequence in range(end["first_seq"], end["last_seq"] + 1):
            found = await messages.message_at(nats, stream, sequence, timeout_s=5)
            stored += [found.payload] if found else []
    for canary in (KEY, OTHER_KEY, base64.b64encode(KEY), base64.b64encode(OTHER_KEY)):
        assert not any(canary in content for content in stored)


async def test_a_replaced_secret_is_forgotten_and_an_equal_one_changes_nothing(api: Api, nats: Client) -> None:
    await api("POST", "/api/tools", body=new_tool())
    first = await api("PUT", "/api/tools/look_up", body=tool(secret=secret_of(KEY)))
    assert first.json()["position"] == (await api("GET", "/api/tools/look_up")).json()["position"]
    await api("PUT", "/api/tools/look_up", body=tool(secret=secret_of(OTHER_KEY)))
    info = {"subjects_filter": f"$KV.{SECRETS_BUCKET}.secret.acme.>"}
    answer = await jetstream.call(nats, f"STREAM.INFO.KV_{SECRETS_BUCKET}", info, dict[str, Any], timeout_s=5)
    kept = [
        await messages.last_message(nats, f"KV_{SECRETS_BUCKET}", name, timeout_s=5)
        for name in answer["state"]["subjects"]
    ]
    assert sum(bool(one and one.payload) for one in kept) == 1


async def test_publishing_takes_the_customers_tools_into_the_version_and_no_others(api: Api) -> None:
    unknown = await publish(api, "end_session", "look_up")
    assert [error["code"] for error in unknown.json()["errors"]] == ["unknown_tool"]
    await api("POST", "/api/tools", body=new_tool())
    first = await publish(api, "end_session", "look_up")
    assert first.status_code == 200
    await api("PUT", "/api/tools/look_up", body=tool(timeout_s=3))
    assert (await publish(api, "end_session", "look_up")).json()["version"] != first.json()["version"]
    await api("DELETE", "/api/tools/look_up")
    assert [error["code"] for error in (await publish(api, "look_up")).json()["errors"]] == ["unknown_tool"]


async def test_a_job_is_given_the_secrets_of_a_version_that_its_customer_published(api: Api, nats: Client) -> None:
    await api("POST", "/api/tools", body=new_tool())
    version = VersionHash((await publish(api, "look_up")).json()["version"])

    async def asked(customer: str, version: VersionHash) -> Any:
        question = OpenToolSecrets(customer=CustomerId(customer), version=version)
        return await ask(nats, TOOL_SECRETS, question, ToolSecretsAnswer, timeout_s=5)

    assert await asked("acme", version) == ToolSecretsOpened(keys={"look_up": KEY})
    assert isinstance(await asked("other", version), ToolSecretsRefused)
    assert isinstance(await asked("acme", VersionHash("0" * 64)), ToolSecretsRefused)
    await api("PUT", "/api/tools/look_up", body=tool(secret=secret_of(OTHER_KEY)))
    await api("DELETE", "/api/tools/look_up")
    assert await asked("acme", version) == ToolSecretsOpened(keys={"look_up": OTHER_KEY})


def verified(request: bytes, key: bytes) -> dict[str, Any]:
    """The body of a signed request, as a receiver checks it."""
    head, _, body = request.partition(b"\r\n\r\n")
    headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    cased = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
    signature = {name.lower(): value for name, value in cased.items()}[b"webhook-signature"]
    signed = b".".join((headers[b"webhook-id"], headers[b"webhook-timestamp"], body))
    assert signature == b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    assert headers[b"idempotency-key"] == headers[b"webhook-id"]
    decoded: dict[str, Any] = json.loads(body)
    return decoded


async def tried(api: Api, peer: Listener, arguments: dict[str, Any]) -> dict[str, Any]:
    await api("POST", "/api/tools", body=new_tool(url=f"http://127.0.0.1:{peer.port}/orders"))
    answer = await api("POST", "/api/tools/look_up/try", body={"arguments": arguments})
    assert answer.status_code == 200
    decoded: dict[str, Any] = answer.json()
    return decoded


async def test_trying_a_tool_calls_it_signed(api: Api) -> None:
    async with listening(answering(body=b'{"total": 12}')) as peer:
        answer = await tried(api, peer, {"order": "A1"})
    assert (answer["status"], answer["body"], answer["failure"]) == (200, '{"total": 12}', "")
    body = verified(peer.requests[0], KEY)
    assert (body["type"], body["tool"], body["arguments"]) == ("tool.try", "look_up", {"order": "A1"})


async def test_trying_tells_what_went_wrong_and_checks_arguments_first(api: Api) -> None:
    async with listening(answering(body=b"x" * 300_000)) as peer:
        assert (await tried(api, peer, {"order": "A1"}))["failure"] == "answer_too_large"
        wrong = await api("POST", "/api/tools/look_up/try", body={"arguments": {"order": 1, "customer": "other"}})
        assert wrong.status_code == 400
        assert {error["pointer"] for error in wrong.json()["errors"]} == {"/arguments", "/arguments/order"}
        assert len(peer.requests) == 1


async def test_production_reaches_no_loopback(settings: Settings, keys: dict[str, str], api: Api) -> None:
    async with listening(answering()) as peer:
        await api("POST", "/api/tools", body=new_tool(url=f"http://127.0.0.1:{peer.port}/"))
        strict = msgspec.structs.replace(settings, development_reach_loopback=False)
        async with open_service(strict) as service:
            production = Api(service.app, keys)
            answer = await production("POST", "/api/tools/look_up/try", body={"arguments": {"order": "1"}})
            assert answer.json()["failure"] == "address_refused"
            refused = await production("PUT", "/api/tools/look_up", body=tool(url=f"http://127.0.0.1:{peer.port}/"))
            assert [error["pointer"] for error in refused.json()["errors"]] == ["/url"]
        assert peer.connections == 0


async def test_the_migration_wraps_with_the_first_key_and_then_the_old_one_is_not_needed(
    settings: Settings, keys: dict[str, str], api: Api
) -> None:
    async with listening(answering()) as peer:
        await tried(api, peer, {"order": "1"})
        await migrate(msgspec.structs.replace(settings, secret_keys=f"{NEW},{OLD}"))
        async with open_service(msgspec.structs.replace(settings, secret_keys=NEW)) as service:
            answer = await Api(service.app, keys)("POST", "/api/tools/look_up/try", body={"arguments": {"order": "1"}})
    assert answer.json()["status"] == 200
    verified(peer.requests[1], KEY)
