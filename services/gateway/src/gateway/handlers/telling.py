"""The reaction that turns events of sessions into deliveries to customers' endpoints.

It has a checkpoint of its own and is no read model: rebuilding and replaying never run it. It begins at the end of the
log, so that nobody is told of the past; what it has passed is never told again, since deliveries and checkpoint move
in one transaction. One gateway does it at a time.
"""

import asyncio
from contextlib import aclosing

import msgspec
import structlog

from chassis.event_log import Commit, EventLog, position_of
from chassis.postgres.faults import is_passing
from chassis.postgres.names import lock_key
from chassis.postgres.pool import Connection, direct
from contracts.envelope import Envelope, InvalidCommit, decode_commit
from contracts.ids import CustomerId, SessionId
from contracts.registry import UnknownEvent, decode_data
from contracts.subjects import Log, Writer
from gateway.adapters.deliveries import NewDelivery, add_deliveries
from gateway.adapters.outbound_endpoints import Endpoints
from gateway.adapters.session_streams import SessionStreams
from gateway.domain.outbound import SessionFacts, body_of, told_as
from gateway.handlers.open_sessions import OpenSessions

log = structlog.get_logger(__name__)

NAME = "telling"
_RETRY_S = 1.0


class NotOurs(Exception):
    """The checkpoint moved under us: another gateway tells now."""


class Telling:
    """`on_told` is called after each transaction that made deliveries."""

    def __init__(
        self,
        *,
        event_log: EventLog,
        dsn: str,
        schema: str,
        endpoints: Endpoints,
        sessions: OpenSessions,
        streams: SessionStreams,
    ) -> None:
        self._log, self._dsn, self._schema = event_log, dsn, schema
        self._endpoints, self._sessions, self._streams = endpoints, sessions, streams
        self.told = asyncio.Event()

    async def run(self) -> None:
        """For ever; trouble of store and log is waited out."""
        await self._endpoints.caught_up.wait()
        while True:
            try:
                async with direct(self._dsn, name=f"{self._schema}.{NAME}") as db:
                    await db.execute(f"set search_path to {self._schema}, public")
                    await self._react(db)
            except NotOurs:
                log.info("telling_moved_on")
            except Exception as error:
                if not is_passing(error):
                    raise
                log.warning("telling_interrupted", error=type(error).__name__)
            await asyncio.sleep(_RETRY_S)

    async def _react(self, db: Connection) -> None:
        """While this gateway is the one; returns at once where another is."""
        if not await db.fetchval("select pg_try_advisory_lock($1)", lock_key("reaction", NAME)):
            return
        incarnation = await self._log.incarnation(Log.SESSIONS)
        after = await self._begin(db, incarnation)
        async with aclosing(self._log.tail(Log.SESSIONS, after=after)) as tail:  # type: ignore[type-var]
            async for commits in tail:
                made = [one for commit in commits for one in await self._deliveries(commit, incarnation)]
                await self._move(db, incarnation, after, commits[-1].sequence, made)
                after = commits[-1].sequence
                if made:
                    self.told.set()

    async def _begin(self, db: Connection, incarnation: str) -> int:
        """Where to go on; at the log's end where it never ran over this log."""
        row = await db.fetchrow("select incarnation, sequence from reaction where name = $1", NAME)
        if row is not None and row["incarnation"] == incarnation:
            return int(row["sequence"])
        end = await self._log.end(Log.SESSIONS)
        await db.execute(
            "insert into reaction (name, incarnation, sequence) values ($1, $2, $3)"
            " on conflict (name) do update set incarnation = excluded.incarnation, sequence = excluded.sequence",
            NAME,
            incarnation,
            end,
        )
        return end

    async def _move(
        self, db: Connection, incarnation: str, before: int, sequence: int, made: list[NewDelivery]
    ) -> None:
        async with db.transaction():
            moved = await db.fetchval(
                "update reaction set sequence = $4 where name = $1 and incarnation = $2 and sequence = $3 returning 1",
                NAME,
                incarnation,
                before,
                sequence,
            )
            if moved is None:
                raise NotOurs
            if made:
                await add_deliveries(db, made)

    async def _deliveries(self, commit: Commit, incarnation: str) -> list[NewDelivery]:
        _, _, customer, session, writer = commit.subject.split(".")
        if writer != Writer.RUN or not self._endpoints.of(CustomerId(customer)):
            return []
        try:
            envelopes = decode_commit(commit.payload)
        except InvalidCommit:
            log.error("commit_unreadable", session=session, sequence=commit.sequence)
            return []
        made = []
        for index, envelope in enumerate(envelopes):
            position = position_of(commit.log, incarnation, commit.subject, commit.sequence, index).encode()
            made += [
                NewDelivery(
                    customer=envelope.customer,
                    endpoint=endpoint,
                    event=envelope.id,
                    session=session,
                    sequence=commit.sequence,
                    index=index,
                    told=told,
                    body=body,
                )
                for endpoint, told, body in await self._told(envelope, position)
            ]
        return made

    async def _told(self, envelope: Envelope, position: str) -> list[tuple[str, str, bytes]]:
        """(endpoint, what it is told, body) for each that is to hear of the event."""
        told = told_as(envelope.type)
        if told is None:
            return []
        wanting = [id for id, one in self._endpoints.of(envelope.customer).items() if one.wants(told)]
        if not wanting:
            return []
        try:
            data = decode_data(envelope)
        except (UnknownEvent, msgspec.ValidationError) as error:
            log.error("event_unreadable", event_id=envelope.id, error=type(error).__name__)
            return []
        facts = await self._facts(envelope.customer, SessionId(envelope.subject))
        body = body_of(envelope, data, told, position=position, facts=facts)
        return [(id, told, body) for id in wanting]

    async def _facts(self, customer: CustomerId, session: SessionId) -> SessionFacts:
        view = self._sessions.get(session) or await self._streams.load(customer, session)
        request = view.state.admission.requested
        if request is None:
            return SessionFacts(template_id="", external_id="", user_id="")
        return SessionFacts(template_id=request.template_id, external_id=request.external_id, user_id=request.user_id)
