"""A ledger's surroundings on real servers, with two customers' sessions in the log."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from nats.aio.client import Client
from tests.support.price_books import a_book, publish_book
from tests.support.readers import PEPPER, holding_keys, issue_key
from tests.support.sessions import Keys, ScriptedSession, a_session, append

from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from contracts.ids import CustomerId
from contracts.positions import Position
from ledger.bootstrap import migrate
from ledger.settings import Settings


@dataclass
class World:
    """`position` is the last of all sessions'; `api` calls as acme, `other_api_key` is another customer's.

    In `foreign` the LLM was used with that customer's own key.
    """

    settings: Settings
    nats: Client
    log: NatsEventLog
    session: ScriptedSession
    unclosed: ScriptedSession
    foreign: ScriptedSession
    keys: Keys
    position: Position
    api_key: str
    other_api_key: str


@contextlib.asynccontextmanager
async def a_world(nats_url: str, database: str) -> AsyncIterator[World]:
    """The logs, the sessions in them, and a key holder; no ledger yet."""
    settings = Settings(nats_url=nats_url, postgres_dsn=database, key_pepper=PEPPER, signing_key=bytes(range(32)).hex())
    await migrate(settings)
    session, unclosed = a_session(turns=2), a_session(closed=False, llm_model="unheard-of")
    foreign = a_session(customer=CustomerId("other"), llm_payer="customer")
    keys = Keys([session, unclosed, foreign])
    async with connect(nats_url, name="tests") as nats, holding_keys(nats, keys):
        log = NatsEventLog(nats)
        await publish_book(log, session.customer, a_book())
        for script in (session, foreign):
            await append(log, script.commits)
        position = await append(log, unclosed.commits)
        yield World(
            settings=settings,
            nats=nats,
            log=log,
            session=session,
            unclosed=unclosed,
            foreign=foreign,
            keys=keys,
            position=position,
            api_key=await issue_key(log, session.customer),
            other_api_key=await issue_key(log, foreign.customer),
        )
