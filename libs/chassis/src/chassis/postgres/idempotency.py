"""First answers in PostgreSQL, sealed: they hold what is shown once, such as a participant's tokens.

The table is in the schema of the service: a migration of its own makes it (see the gateway's).
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import NoReturn

import asyncpg
import msgspec
import structlog

from chassis.errors import Unavailable
from chassis.idempotency import KEEP_S, LAPSE_S, Answer, KeyReused, Once, StillRunning
from chassis.postgres.pool import Pool
from chassis.postgres.row_security import customers_rows
from chassis.projection import Db
from chassis.sealing import SealBroken, derive_key, seal, unseal
from contracts.ids import CustomerId

log = structlog.get_logger(__name__)

_SWEEP_EVERY_S = 3600.0


class PostgresAnswers:
    """The port `Answers` over the table idempotent_answer. `secret` is the deployment's, and never stored."""

    def __init__(self, pool: Pool, *, secret: bytes) -> None:
        self._pool, self._key = pool, derive_key(secret, "idempotent answers")
        self._process = secrets.token_hex(8)

    async def claim(self, once: Once) -> Answer | None:
        """See the port."""
        async with self._rows(once) as db:
            ours = await db.fetchval(
                "insert into idempotent_answer as one (customer, route, key, fingerprint, claimant)"
                " values ($1, $2, $3, $4, $5) on conflict (customer, route, key) do update"
                " set claimed_at = now(), claimant = $5 where one.answer is null and one.fingerprint = $4"
                " and one.claimed_at < now() - make_interval(secs => $6) returning true",
                *_names(once),
                once.fingerprint,
                self._process,
                LAPSE_S,
            )
            row = None
            if not ours:
                row = await db.fetchrow(
                    "select fingerprint, answer from idempotent_answer where customer = $1 and route = $2 and key = $3",
                    *_names(once),
                )
        if ours:
            return None
        return self._found(once, row) if row else _released()

    def _found(self, once: Once, row: asyncpg.Record) -> Answer:
        if row["fingerprint"] != once.fingerprint:
            raise KeyReused
        if row["answer"] is None:
            raise StillRunning
        try:
            content = unseal(self._key, row["answer"], binding=_binding(once))
        except SealBroken as broken:
            log.error("idempotent_answer_unreadable", customer=once.customer, route=once.route)
            raise Unavailable("the first answer cannot be read") from broken
        return msgspec.msgpack.decode(content, type=Answer)

    async def keep(self, once: Once, answer: Answer) -> None:
        """See the port."""
        sealed = seal(self._key, msgspec.msgpack.encode(answer), binding=_binding(once))
        async with self._rows(once) as db:
            await db.execute(
                "update idempotent_answer set answer = $5 where customer = $1 and route = $2 and key = $3"
                " and claimant = $4 and answer is null",
                *_names(once),
                self._process,
                sealed,
            )

    async def release(self, once: Once) -> None:
        """See the port."""
        async with self._rows(once) as db:
            await db.execute(
                "delete from idempotent_answer where customer = $1 and route = $2 and key = $3"
                " and claimant = $4 and answer is null",
                *_names(once),
                self._process,
            )

    async def sweep(self) -> None:
        """Forget what is older than it must be kept, every hour, for ever."""
        while True:
            try:
                with _in_reach():
                    await self._pool.execute(
                        "delete from idempotent_answer where claimed_at < now() - make_interval(secs => $1)", KEEP_S
                    )
            except Unavailable:
                log.warning("idempotent_answers_not_swept")
            await asyncio.sleep(_SWEEP_EVERY_S)

    @contextlib.asynccontextmanager
    async def _rows(self, once: Once) -> AsyncIterator[Db]:
        with _in_reach():
            async with customers_rows(self._pool, CustomerId(once.customer)) as db:
                yield db


def _names(once: Once) -> tuple[str, str, str]:
    return once.customer, once.route, once.key


def _binding(once: Once) -> bytes:
    return "\n".join((*_names(once), once.fingerprint)).encode()


def _released() -> NoReturn:
    """The first request was refused between our two looks: asking again finds it free."""
    raise StillRunning


@contextlib.contextmanager
def _in_reach() -> Iterator[None]:
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise Unavailable("the database is out of reach") from error
