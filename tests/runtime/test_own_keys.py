"""Customers' own keys, from the API of config to the provider's wire: each in its own customer's sessions alone."""

import contextlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import msgspec
import pytest
from tests.support.config_api import a_config_api, a_key, config_settings
from tests.support.provider_urls import provider_urls
from tests.support.runtime_calls import run_events
from tests.support.runtime_sessions import PanelPage, an_admitted_session

from chassis.guarded_addresses import loopback_only
from chassis.memory.event_log import MemoryEventLog
from chassis.memory.object_store import MemoryObjectStore
from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.logs import declare_logs
from chassis.nats.object_store import NatsObjectStore
from contracts.commands.secrets import OpenProviderCredentials, ProviderCredential, ProviderCredentialsOpened
from contracts.events.session import SessionFailed
from contracts.events.usage import LlmUsed
from contracts.ids import DEPLOYMENT, CustomerId
from contracts.providers import Payer, ProviderName
from contracts.registry import decode_data
from contracts.subjects import TEMPLATE_VERSIONS_BUCKET
from runtime import job
from runtime.adapters.local_surface import LocalSurface
from runtime.adapters.models import Provider, Providers
from runtime.adapters.own_keys import AskForCredentials, CredentialsUnavailable, asking_for_credentials, providers_of
from runtime.roomless import RoomlessSession
from runtime.settings import Settings
from simulators import Simulators

pytestmark = pytest.mark.integration

THEIRS, ACME, OTHER = "sk-deployment-0000", "sk-of-acme-1111", "sk-of-other-2222"
PATH = "/api/provider-credentials/openai"


async def a_call(
    simulators: Simulators, ask: AskForCredentials, customer: str, own: list[ProviderName]
) -> tuple[set[str], set[Payer]]:
    """A session of this customer: the ends of the keys with which its model was asked, and who pays."""
    log, objects, simulated = MemoryEventLog(), MemoryObjectStore(), simulators.openai_base_url
    session = await an_admitted_session(log, objects)
    asked = msgspec.structs.replace(session.metadata, customer=CustomerId(customer), own_providers=own)
    simulators.requests.clear()
    async with RoomlessSession(
        metadata=session.metadata,
        log=log,
        objects=objects,
        keys=session.keys(),
        surface=LocalSurface(PanelPage()),
        providers=await providers_of(asked, deployment=Providers(openai=Provider(simulated, THEIRS)), ask=ask),
        allow=loopback_only,
    ) as call:
        assert await call.say("Hi, I need help with my Python code.") == ["Hi, I am the coding expert."]
    used = [decode_data(event) for event in await run_events(log, session) if event.type == "usage.llm"]
    return {one.key for one in simulators.requests}, {one.payer for one in used if isinstance(one, LlmUsed)}


@contextlib.asynccontextmanager
async def config_of(
    nats_url: str, database: str, simulators: Simulators
) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    """Config, asked by either customer."""
    settings = {"development_reach_loopback": True, "provider_urls": provider_urls(simulators)}
    async with a_config_api(nats_url, database, **settings) as acme:
        key = await a_key(config_settings(nats_url, database), "other")
        other = httpx.AsyncClient(
            transport=acme._transport, base_url=acme.base_url, headers={"Authorization": f"Bearer {key}"}
        )
        yield {"acme": acme, "other": other}


async def test_each_customers_sessions_use_its_own_key_and_no_others_and_say_who_pays(
    nats_url: str, database: str, simulators: Simulators
) -> None:
    async with connect(nats_url, name="job") as client:
        ask = asking_for_credentials(client, patience_s=0.5)
        async with config_of(nats_url, database, simulators) as apis:
            for customer, key in (("acme", ACME), ("other", OTHER)):
                while (saved := await apis[customer].put(PATH, json={"key": key})).status_code == 401:
                    pass
                assert saved.status_code == 200, saved.text
            assert await a_call(simulators, ask, "acme", ["openai"]) == ({"1111"}, {"customer"})
            assert await a_call(simulators, ask, "other", ["openai"]) == ({"2222"}, {"customer"})
            assert await a_call(simulators, ask, "third", []) == ({"0000"}, {"deployment"})
            assert (await apis["acme"].delete(PATH)).status_code == 204
            removed_since = await a_call(simulators, ask, "acme", ["openai"])
            assert removed_since == ({"0000"}, {"deployment"}), "config knows better than the dispatch"
        assert await a_call(simulators, ask, "third", []) == ({"0000"}, {"deployment"}), "config is down"
        with pytest.raises(CredentialsUnavailable):
            await a_call(simulators, ask, "other", ["openai"])
        assert len(simulators.requests) == 0, "nobody else's key stands in"


async def test_a_key_that_operators_gave_stands_for_that_of_the_environment_and_never_for_a_customers_own() -> None:
    session = await an_admitted_session(MemoryEventLog(), MemoryObjectStore())
    metadata = msgspec.structs.replace(
        session.metadata, own_providers=["openai"], deployment_providers=["openai", "cartesia"]
    )
    key = ProviderCredential(key="given", base_url="https://api.cartesia.ai")
    asked: list[tuple[CustomerId, list[ProviderName]]] = []

    async def config(question: OpenProviderCredentials) -> ProviderCredentialsOpened:
        asked.append((question.customer, question.providers))
        return ProviderCredentialsOpened(credentials=dict.fromkeys(question.providers, key))

    async def nobody(_question: OpenProviderCredentials) -> ProviderCredentialsOpened:
        raise CredentialsUnavailable

    environment = Providers(openai=Provider(key="env"), cartesia=Provider(key="env"), deepgram=Provider(key="env"))
    found = await providers_of(metadata, deployment=environment, ask=config)
    assert asked == [(DEPLOYMENT, ["cartesia"]), (metadata.customer, ["openai"])]
    assert (found.cartesia.key, found.cartesia.payer) == ("given", "deployment")
    assert (found.openai.payer, found.deepgram.key) == ("customer", "env")
    without_own = msgspec.structs.replace(metadata, own_providers=[])
    assert await providers_of(without_own, deployment=environment, ask=nobody) == environment


async def test_a_key_that_does_not_open_is_replaced_by_nobodys() -> None:
    session = await an_admitted_session(MemoryEventLog(), MemoryObjectStore())
    metadata = msgspec.structs.replace(session.metadata, own_providers=["openai", "cartesia"])
    key = ProviderCredential(key=ACME, base_url="https://api.openai.com/v1")

    async def config(question: OpenProviderCredentials) -> ProviderCredentialsOpened:
        assert (question.customer, question.providers) == (metadata.customer, ["openai", "cartesia"])
        return ProviderCredentialsOpened(credentials={"openai": key}, unusable=["cartesia"])

    with pytest.raises(CredentialsUnavailable):
        await providers_of(metadata, deployment=Providers(), ask=config)


async def test_a_job_that_cannot_have_its_customers_keys_ends_the_session_and_says_why(
    nats_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "asking_for_credentials", partial(asking_for_credentials, patience_s=0.1))
    settings = Settings(nats_url=nats_url, spill_dir=tmp_path)
    async with connect(nats_url, name="job") as client:
        await declare_logs(client, replicas=1)
        log = NatsEventLog(client)
        session = await an_admitted_session(log, NatsObjectStore(client, TEMPLATE_VERSIONS_BUCKET))
        context: Any = SimpleNamespace(
            job=SimpleNamespace(id="AJ_1"),
            worker_id="AW_1",
            local_participant_identity="agent-AJ_1",
            room=SimpleNamespace(),
            proc=SimpleNamespace(userdata={}),
        )
        metadata = msgspec.structs.replace(session.metadata, own_providers=["openai"])
        assert await job._serve(context, client, settings, metadata), "the session was this job's"
        events = await run_events(log, session)
    assert [event.type for event in events] == ["session.job_claimed", "session.failed"]
    failed = decode_data(events[-1])
    assert isinstance(failed, SessionFailed)
    assert failed.code == "provider_credentials_unavailable"
