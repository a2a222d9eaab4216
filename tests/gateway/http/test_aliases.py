"""Starting by an alias: the version it leads to, at once after it moved, and never another for a session that began."""

import msgspec
import pytest
from tests.support.gateways import ACME, START, TEMPLATE, a_gateway, gateway_settings, outside, seed
from tests.support.until import until

from chassis.principal import Principal
from config.bootstrap import open_entities
from config.domain import template
from config.domain.template import Drafted, MoveAlias, Share
from config.settings import Settings as ConfigSettings
from contracts.access import SCOPES
from contracts.events.session import SessionRequested
from contracts.registry import decode_data
from contracts.variables import Declaration
from gateway.adapters.memory_livekit import MemoryLiveKit

pytestmark = pytest.mark.integration

OPERATOR = Principal(customer=ACME, actor="operator", scopes=frozenset(SCOPES), livemode=False)


async def test_an_alias_leads_to_its_version_until_it_is_moved(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings)
    own = ConfigSettings(
        nats_url=settings.nats_url,
        postgres_dsn=settings.postgres_dsn,
        key_pepper=settings.key_pepper,
        secret_keys="cd" * 32,
    )
    async with (
        open_entities(own) as entities,
        a_gateway(settings, key, rooms=MemoryLiveKit()) as gateway,
        outside(nats_url) as world,
    ):

        async def requested(reference: str) -> SessionRequested:
            answer = await gateway.post("/api/session/start", json={**START, "template_id": reference})
            data = decode_data((await world.events(answer.json()["session_id"]))[0])
            assert isinstance(data, SessionRequested)
            return data

        async def known() -> bool:
            return (await requested(f"{TEMPLATE}@prod")).version == first.version

        first = await requested(TEMPLATE)
        drafted = (await entities.find_template(ACME, TEMPLATE)).state
        assert isinstance(drafted, Drafted)
        await entities.write_template(
            OPERATOR, TEMPLATE, template.Write(msgspec.structs.replace(drafted.draft, name="Better"))
        )
        await entities.publish(OPERATOR, TEMPLATE)
        await entities.write_template(OPERATOR, TEMPLATE, MoveAlias("prod", [Share(2)]))

        async def moved() -> bool:
            answer = await gateway.post("/api/session/start", json={**START, "template_id": f"{TEMPLATE}@prod"})
            return answer.status_code == 201

        await until(moved, what="the alias is known")
        second = await requested(f"{TEMPLATE}@prod")
        assert (second.template_id, second.alias) == (TEMPLATE, "prod")
        assert second.version != first.version
        await entities.write_template(OPERATOR, TEMPLATE, MoveAlias("prod", [Share(1)]))
        await until(known, what="the rollback holds for the next start")

        for reference in (f"{TEMPLATE}@nowhere", "nothing@prod"):
            answer = await gateway.post("/api/session/start", json={**START, "template_id": reference})
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_template")
        answer = await gateway.post("/api/session/start", json={**START, "template_id": f"{TEMPLATE}@Not An Alias"})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/template_id")


async def test_a_variable_has_the_type_that_the_template_declares(nats_url: str, database: str) -> None:
    settings = gateway_settings(nats_url, database)
    key = await seed(settings, variables={"level": Declaration(type="integer")})
    async with a_gateway(settings, key, rooms=MemoryLiveKit()) as gateway:
        wrong = await gateway.post("/api/session/start", json={**START, "variables": {"level": "high"}})
        assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (400, "/variables/level")
        right = await gateway.post("/api/session/start", json={**START, "variables": {"level": 3}})
        assert right.status_code == 201
