"""What P3 needs to run: NATS, PostgreSQL and LiveKit, the gateway in a process of its own, and beside it the baseline.

One customer with two published templates, which differ in the moment of dispatch alone.
"""

import contextlib
import secrets
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import msgspec
from livekit import api

import config.settings
import gateway.bootstrap
import gateway.settings
from bench.figures import Progress
from bench.processes import process
from chassis.embedded.livekit import LiveKitServer, find_or_build
from chassis.embedded.nats_server import NatsServer
from chassis.embedded.ports import free_ports
from chassis.embedded.postgres import Postgres
from chassis.principal import Principal
from chassis.settings import load
from config.bootstrap import open_entities
from config.domain import agent_definition, template
from contracts.access import SCOPES
from contracts.ids import AgentId, CustomerId, TemplateId
from contracts.template_version import AgentDefinition, DispatchMoment, TemplateDraft

_MANY = 100_000
_AGENT = AgentId("agent")
_BARE_MINT = Path(__file__).with_name("bare_mint.py")


class StartParts(msgspec.Struct, frozen=True, kw_only=True):
    """Where both sides answer, and how to ask ours."""

    gateway_port: int
    mint_port: int
    api_key: str
    rooms: api.LiveKitAPI


@contextlib.asynccontextmanager
async def open_parts(folder: Path, say: Progress) -> AsyncIterator[StartParts]:
    """Everything up; everything down on leaving. Raises LiveKitUnavailable, StartFailed."""
    binary = await find_or_build(say)
    gateway_port, mint_port = free_ports(2)
    livekit = LiveKitServer(
        binary=binary,
        folder=folder / "livekit",
        key="bench",
        secret=secrets.token_urlsafe(32),
        webhook_urls=[f"http://127.0.0.1:{gateway_port}/webhooks/livekit"],
    )
    async with (
        NatsServer(store=folder / "nats") as nats,
        Postgres(folder=folder / "postgres", password=secrets.token_urlsafe(16)) as postgres,
        livekit,
        api.LiveKitAPI(livekit.url, livekit.key, livekit.secret) as rooms,
    ):
        environment = await _environment(nats, postgres, livekit, gateway_port)
        await gateway.bootstrap.migrate(load(gateway.settings.Settings, environment))
        api_key = await _seed(load(config.settings.Settings, environment))
        argv = [sys.executable, "-m", "baton", "run", "gateway", "--data", str(folder)]
        bare = {"BENCH_LIVEKIT_KEY": livekit.key, "BENCH_LIVEKIT_SECRET": livekit.secret, "BENCH_PORT": str(mint_port)}
        async with (
            process("gateway", argv, environment, port=gateway_port, folder=folder),
            process("bare-mint", [sys.executable, str(_BARE_MINT)], bare, port=mint_port, folder=folder),
        ):
            yield StartParts(gateway_port=gateway_port, mint_port=mint_port, api_key=api_key, rooms=rooms)


def template_of(moment: DispatchMoment) -> TemplateId:
    """The id of the template that dispatches then."""
    return TemplateId(moment)


async def _environment(nats: NatsServer, postgres: Postgres, livekit: LiveKitServer, port: int) -> dict[str, str]:
    connection = await asyncpg.connect(postgres.dsn, timeout=10)
    try:
        await connection.execute("create database bench")
    finally:
        await connection.close(timeout=5)
    return {
        "BATON_NATS_URL": nats.url,
        "BATON_POSTGRES_DSN": postgres.dsn_of("bench"),
        "BATON_KEY_PEPPER": secrets.token_hex(32),
        "BATON_MASTER_KEY": secrets.token_hex(32),
        "BATON_SECRET_KEYS": secrets.token_hex(32),
        "BATON_LIVEKIT_URL": livekit.url,
        "BATON_LIVEKIT_KEY": livekit.key,
        "BATON_LIVEKIT_SECRET": livekit.secret,
        "BATON_PORT": str(port),
        "BATON_LOG_JSON": "true",
    }


async def _seed(settings: config.settings.Settings) -> str:
    """The customer with its agent and templates; returns an API key."""
    customer = CustomerId("bench")
    operator = Principal(customer=customer, actor="operator", scopes=frozenset(SCOPES), livemode=False)
    moments: list[DispatchMoment] = ["at_join", "at_start"]
    async with open_entities(settings) as entities:
        await entities.create_customer(operator, name="Bench", max_sessions=_MANY)
        definition = AgentDefinition(name="Agent", instructions="You are an agent.")
        await entities.write_agent(operator, _AGENT, agent_definition.Write(definition))
        for moment in moments:
            draft = TemplateDraft(name=moment, agents=[_AGENT], initial_agent=_AGENT, dispatch=moment)
            await entities.write_template(operator, template_of(moment), template.Write(draft))
            await entities.publish(operator, template_of(moment))
        return (await entities.issue_key(operator, scopes=sorted(SCOPES), livemode=False))[1]
