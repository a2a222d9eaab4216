"""/api/provider-credentials over real NATS and the simulated providers: tested on save, used, and never given back."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from tests.support.config_api import a_config_api, config_settings, problem
from tests.support.listeners import answering, listening
from tests.support.provider_urls import provider_urls

from chassis.nats.connection import Client, connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.requests import ask
from chassis.nats.secret_bucket import NatsSecretBucket
from chassis.settings import BadSettings
from config.bootstrap import provider_addresses
from contracts.commands.secrets import OpenProviderCredentials, ProviderCredential, ProviderCredentialsOpened
from contracts.ids import CustomerId
from contracts.providers import ProviderName
from contracts.subjects import PROVIDER_CREDENTIALS, SECRETS_BUCKET, Log, config_filter
from simulators import Scenario, Simulators

pytestmark = pytest.mark.integration

PATH = "/api/provider-credentials"
KEY, OTHER, WRONG = "sk-canary-good-1111", "sk-canary-good-2222", "sk-canary-wrong-3333"
GOOD = (KEY, OTHER)


@pytest.fixture
async def simulators() -> AsyncIterator[Simulators]:
    async with Simulators(scenario=Scenario(keys={"openai": GOOD, "deepgram": GOOD, "cartesia": GOOD})) as running:
        yield running


@pytest.fixture
async def api(nats_url: str, database: str, simulators: Simulators) -> AsyncIterator[httpx.AsyncClient]:
    urls = provider_urls(simulators)
    async with a_config_api(nats_url, database, development_reach_loopback=True, provider_urls=urls) as client:
        yield client


@pytest.fixture
async def nats(nats_url: str) -> AsyncIterator[Client]:
    async with connect(nats_url, name="test") as client:
        yield client


async def put(api: httpx.AsyncClient, provider: str, key: str, *, if_match: str = "", **more: str) -> httpx.Response:
    headers = {"If-Match": if_match} if if_match else {}
    return await api.put(f"{PATH}/{provider}", json={"key": key, **more}, headers=headers)


async def opened(nats: Client, customer: str = "acme") -> ProviderCredentialsOpened:
    question = OpenProviderCredentials(customer=CustomerId(customer), providers=["openai", "deepgram", "cartesia"])
    return await ask(nats, PROVIDER_CREDENTIALS, question, ProviderCredentialsOpened, timeout_s=5)


async def told(nats: Client) -> list[bytes]:
    """What the log has of acme's credentials."""
    log, subject = NatsEventLog(nats), config_filter(CustomerId("acme"), "provider_credential")
    return [commit.payload async for commit in log.read(Log.CONFIG, subject)]


async def secrets(nats: Client) -> list[str]:
    """The names of the secrets that are kept."""
    return list(await NatsSecretBucket(nats, SECRETS_BUCKET).names("secret"))


async def sealed(nats: Client) -> list[bytes]:
    """The secrets as they are kept."""
    bucket = NatsSecretBucket(nats, SECRETS_BUCKET)
    found = [await bucket.get(name) for name in await secrets(nats)]
    return [kept.content for kept in found if kept is not None]


async def test_a_key_is_tested_at_its_provider_kept_and_given_to_jobs_of_its_customer_alone(
    api: httpx.AsyncClient, nats: Client, simulators: Simulators
) -> None:
    where: dict[ProviderName, str] = {
        "openai": simulators.openai_base_url,
        "deepgram": simulators.deepgram_base_url,
        "cartesia": simulators.cartesia_base_url,
    }
    for provider in where:
        refused = problem(await put(api, provider, WRONG))
        assert (refused["status"], refused["code"]) == (400, "credential_refused")
        assert [error["pointer"] for error in refused["errors"]] == ["/key"]
    assert (await told(nats), await secrets(nats)) == ([], [])

    for provider in where:
        saved = await put(api, provider, KEY)
        shown = {"provider": provider, "hint": "…1111", "base_url": ""}
        assert (saved.status_code, saved.json()) == (200, {**shown, "position": saved.json()["position"]})
        read = await api.get(f"{PATH}/{provider}")
        assert (read.json(), read.headers["etag"]) == (saved.json(), saved.headers["etag"])
    listed = await api.get(PATH)
    assert [one["provider"] for one in listed.json()["data"]] == list(where)
    assert await opened(nats) == ProviderCredentialsOpened(
        credentials={provider: ProviderCredential(key=KEY, base_url=url) for provider, url in where.items()}
    )
    assert await opened(nats, "other") == ProviderCredentialsOpened(credentials={})
    kept = [*await told(nats), *await sealed(nats), listed.content]
    assert len(kept) == 7
    assert not any(KEY.encode() in content for content in kept)


async def test_a_key_that_nobody_can_judge_is_not_saved(api: httpx.AsyncClient, nats: Client) -> None:
    async with listening(answering(body=b"[]")) as peer, listening(answering("503 No")) as down:
        elsewhere = {
            "nobody listens": "http://127.0.0.1:9/v1",
            "not OpenAI": f"http://127.0.0.1:{peer.port}/v1",
            "out of order": f"http://127.0.0.1:{down.port}/v1",
            "no such name": "https://nowhere.invalid/v1",
        }
        for what, url in elsewhere.items():
            answer = problem(await put(api, "openai", KEY, base_url=url))
            assert (answer["status"], answer["code"]) == (424, "provider_out_of_reach"), what
        assert peer.requests[0].startswith(b"GET /v1/models HTTP/1.1\r\n")
    wrong = problem(await put(api, "openai", "short", base_url="https://10.0.0.1/v1"))
    assert [error["pointer"] for error in wrong["errors"]] == ["/key", "/base_url"]
    assert (await put(api, "acme-ai", KEY)).status_code == 404
    assert (await told(nats), await secrets(nats)) == ([], [])


async def test_a_key_is_replaced_by_who_read_it_and_removed_and_the_old_one_is_forgotten(
    api: httpx.AsyncClient, nats: Client, simulators: Simulators
) -> None:
    tag = (await put(api, "openai", KEY)).headers["etag"]
    assert (await put(api, "openai", KEY)).headers["etag"] == tag, "the same again changes nothing"
    assert problem(await put(api, "openai", OTHER))["code"] == "precondition_required"
    assert problem(await put(api, "openai", OTHER, if_match='"1"'))["code"] == "stale"
    url = simulators.openai_base_url
    replaced = await put(api, "openai", OTHER, if_match=tag, base_url=url)
    assert (replaced.json()["hint"], replaced.json()["base_url"]) == ("…2222", url)
    refused = await put(api, "openai", WRONG, if_match=replaced.headers["etag"])
    assert problem(refused)["code"] == "credential_refused"
    assert (await opened(nats)).credentials == {"openai": ProviderCredential(key=OTHER, base_url=url)}
    assert len(await secrets(nats)) == 1
    for _ in range(2):
        assert (await api.delete(f"{PATH}/openai")).status_code == 204
    assert (await api.get(f"{PATH}/openai")).status_code == 404
    assert (await opened(nats), await secrets(nats)) == (ProviderCredentialsOpened(credentials={}), [])
    assert (await put(api, "openai", KEY)).status_code == 200, "after a removal it is new again"
    assert len(await told(nats)) == 4


async def test_of_many_who_replace_one_does_and_what_does_not_open_is_never_taken_for_none(
    api: httpx.AsyncClient, nats: Client
) -> None:
    tag = (await put(api, "openai", KEY)).headers["etag"]
    answers = await asyncio.gather(*(put(api, "openai", OTHER, if_match=tag) for _ in range(6)))
    assert len({answer.headers["etag"] for answer in answers if answer.status_code == 200}) == 1
    assert {answer.status_code for answer in answers} <= {200, 409, 412}
    assert (len(await told(nats)), len(await secrets(nats))) == (2, 1)
    assert (await opened(nats)).credentials["openai"].key == OTHER

    for name in await secrets(nats):
        await NatsSecretBucket(nats, SECRETS_BUCKET).delete(name)
    assert await opened(nats) == ProviderCredentialsOpened(credentials={}, unusable=["openai"])
    tag = (await api.get(f"{PATH}/openai")).headers["etag"]
    assert (await put(api, "openai", OTHER, if_match=tag)).status_code == 200, "saving it anew mends it"
    assert (await opened(nats)).credentials["openai"].key == OTHER


def test_addresses_of_providers_are_settings_that_are_checked() -> None:
    def settings(text: str) -> dict[str, str]:
        return dict(provider_addresses(config_settings("", "", provider_urls=text)))

    assert settings("") == {}
    assert settings("openai=https://a.example/v1, cartesia=https://b.example") == {
        "openai": "https://a.example/v1",
        "cartesia": "https://b.example",
    }
    for text in ("openai", "acme=https://a.example", "openai=https://a.example,x"):
        with pytest.raises(BadSettings, match="BATON_PROVIDER_URLS"):
            settings(text)
