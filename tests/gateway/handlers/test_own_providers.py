"""Whose keys a job is to use, as its dispatch says: the gateway knows them from the log, also while config is down."""

import httpx
import pytest
from tests.support.gateways import ACME, OTHER, START, Outside, a_gateway, gateway_settings, outside, seed
from tests.support.until import until

from chassis.clock import SystemClock
from chassis.recording import Origin, Recorder
from contracts.commands.jobs import JobMetadata
from contracts.events.provider_credential import (
    ProviderCredentialCreated,
    ProviderCredentialRemoved,
    ProviderCredentialReplaced,
)
from contracts.ids import DEPLOYMENT, CustomerId
from contracts.registry import EventData
from contracts.subjects import CONFIG_WRITER, Log, config_subject
from gateway.adapters.memory_livekit import MemoryLiveKit

pytestmark = pytest.mark.integration


async def told(world: Outside, customer: CustomerId, provider: str, *events: EventData) -> None:
    """What config appends to a credential of a customer."""
    subject = config_subject(customer, "provider_credential", provider)
    origin = Origin(customer=customer, subject=provider, writer=CONFIG_WRITER, source="test")
    stamp = Recorder(origin=origin, clock=SystemClock())
    await world.log.append(Log.CONFIG, subject, [stamp.record(event) for event in events], expected=0)


async def dispatched(gateway: httpx.AsyncClient, livekit: MemoryLiveKit, key: str) -> JobMetadata:
    headers = {"Authorization": f"Bearer {key}"}
    session = (await gateway.post("/api/session/start", json=START, headers=headers)).json()["session_id"]
    await until(lambda: any(room == session for room, _ in livekit.dispatched), what="the dispatch")
    return next(metadata for room, metadata in livekit.dispatched if room == session)


async def test_a_dispatch_names_the_providers_at_which_its_own_customer_has_a_key(nats_url: str, database: str) -> None:
    settings, livekit = gateway_settings(nats_url, database), MemoryLiveKit()
    acme, other = await seed(settings), await seed(settings, customer=OTHER)
    created = ProviderCredentialCreated(secret="sct_1", hint="…1111")
    replaced, removed = ProviderCredentialReplaced(secret="sct_2", hint="…2222"), ProviderCredentialRemoved()
    async with outside(nats_url, livekit) as world:
        await told(world, ACME, "openai", created, replaced)
        await told(world, ACME, "cartesia", created)
        await told(world, DEPLOYMENT, "cartesia", created)
        await told(world, ACME, "deepgram", created, removed)
        await told(world, ACME, "of_a_later_release", created)
        async with a_gateway(settings, acme, rooms=livekit) as gateway:
            assert (await dispatched(gateway, livekit, acme)).own_providers == ["openai", "cartesia"]
            assert (await dispatched(gateway, livekit, other)).own_providers == []
            assert (await dispatched(gateway, livekit, other)).deployment_providers == ["cartesia"]
            await told(world, OTHER, "deepgram", created)

            async def known() -> bool:
                return (await dispatched(gateway, livekit, other)).own_providers == ["deepgram"]

            await until(known, what="the gateway has read it")
