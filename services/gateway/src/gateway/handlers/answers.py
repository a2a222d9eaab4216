"""What the gateway answers to other services over NATS: a session's data key, and a job's death."""

import contextlib
from collections.abc import AsyncIterator

import structlog

from chassis.nats.connection import Client
from chassis.nats.requests import serve
from contracts.commands.jobs import JobDied
from contracts.commands.keys import KeyAnswer, KeyGone, KeyOpened, OpenKey
from contracts.subjects import JOB_DEATH, OPEN_KEY
from gateway.adapters.vault import Vault
from gateway.handlers.reconciler import Reconciler

log = structlog.get_logger(__name__)
_QUEUE = "gateway"


@contextlib.asynccontextmanager
async def answering(*, nats: Client, vault: Vault, reconciler: Reconciler) -> AsyncIterator[None]:
    """Answer while the context is open; of all gateways one gets each request."""

    async def open_key(question: OpenKey) -> KeyAnswer:
        return await answer_key(vault, question)

    keys = await serve(nats, OPEN_KEY, OpenKey, open_key, queue=_QUEUE)
    deaths = await serve(nats, JOB_DEATH, JobDied, reconciler.report_death, queue=_QUEUE)
    async with keys, deaths:
        yield


async def answer_key(vault: Vault, question: OpenKey) -> KeyAnswer:
    """The key, where it belongs to that session of that customer; who asked is logged, the key never."""
    key = await vault.data_key(customer=question.customer, session=question.session, keyid=question.keyid)
    log.info("data_key_asked", session=question.session, reader=question.reader, found=key is not None)
    return KeyOpened(key=key) if key is not None else KeyGone(why="unknown_or_destroyed")
