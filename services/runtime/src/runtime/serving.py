"""From a claim to a conversation: what a LiveKit job and a session without a room have in common.

Opens everything in order and closes it in reverse; the last event is acknowledged before the context is left.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import structlog

from chassis.clock import Clock
from chassis.event_log import EventLog, LogFault
from chassis.key_ring import KeyRing
from chassis.outbox import Outbox, OutboxFenced
from chassis.recording import Recorder
from chassis.spill import Spill, SpillHeader
from chassis.tasks import Tasks, stop
from contracts.commands.jobs import JobMetadata
from contracts.ids import PanelId
from contracts.panels.kind import PanelKind
from contracts.pricing import DEPLOYMENT_BOOK
from contracts.subjects import Log
from contracts.template_version import Limits, TemplateVersion
from runtime.adapters.models import Models
from runtime.adapters.outside import Outside
from runtime.adapters.price_books import price_book_of
from runtime.adapters.recorder import SessionRecorder
from runtime.adapters.versions import Versions
from runtime.claim import Claim, Opened, open_session, origin_of
from runtime.conversation import Conversation
from runtime.domain.budget import Meter
from runtime.spending import Spending
from runtime.surface import Surface

log = structlog.get_logger()

SOURCE = "runtime"
FLUSH_S = 30.0
SPILL_SUFFIX = ".spill"


class KeyMissing(Exception):
    """The session's data key was destroyed, or never was: nothing can be recorded."""

    code = "key_missing"


@contextlib.asynccontextmanager
async def serve_session(
    *,
    event_log: EventLog,
    versions: Versions,
    keys: KeyRing,
    metadata: JobMetadata,
    claimed: Claim,
    surface: Surface,
    models: Models,
    clock: Clock,
    spill_folder: Path | None,
    outside: Outside | None = None,
) -> AsyncIterator[Conversation]:
    """A conversation ready to start, over a session that is claimed.

    Leaving waits until everything recorded is in the log (FLUSH_S); what is not stays in the spill. Raises KeyMissing,
    ObjectMissing, CorruptVersion, SealBroken, BadPriceBook, LogFault.
    """
    key = await keys.key(customer=metadata.customer, session=metadata.session, keyid=metadata.keyid)
    if key is None:
        raise KeyMissing(f"session {metadata.session} has no key")
    version = await versions.get(metadata.version)
    opened = await open_session(event_log, metadata, claimed, keys=keys)
    meter = await meter_of(event_log, metadata, opened)
    async with (
        _outbox(event_log, metadata, claimed, clock=clock, folder=spill_folder) as (outbox, publishing),
        Tasks() as tasks,
    ):
        stamp = Recorder(
            origin=origin_of(metadata, source=SOURCE), clock=clock, key=key, last_n=claimed.n, epoch=metadata.epoch
        )
        recorder = SessionRecorder(stamp=stamp, outbox=outbox, state=opened.state)
        conversation = Conversation(
            customer=metadata.customer,
            version=version,
            kinds=_kinds(version, opened),
            limits=_limits(version, opened),
            recorder=recorder,
            surface=surface,
            models=models,
            clock=clock,
            tasks=tasks,
            claimed_at=opened.claimed_at,
            resumed_from=claimed.before_epoch if opened.state.run.phase == "live" else None,
            outside=outside,
        )
        if meter is not None:
            ending, end = (lambda: conversation.ending), conversation.end
            recorder.on_record(Spending(meter=meter, recorder=recorder, ending=ending, end=end).recorded)
        outbox.on_ack(lambda events, _position: conversation.desk.in_log(events[-1].n))
        tasks.start(_watch(outbox, conversation), name="outbox watch")
        try:
            yield conversation
        finally:
            await _flush(outbox, publishing)


async def _watch(outbox: Outbox, conversation: Conversation) -> None:
    """Another job has the session: let go of it at once. The log is out of reach for good: say so, and end."""
    fenced, failed = asyncio.create_task(outbox.fenced.wait()), asyncio.create_task(outbox.failed.wait())
    try:
        await asyncio.wait({fenced, failed}, return_when=asyncio.FIRST_COMPLETED)
        if outbox.fenced.is_set():
            await conversation.abandon()
        else:
            conversation.fail("log_unavailable")
            await outbox.fenced.wait()
            await conversation.abandon()
    finally:
        fenced.cancel()
        failed.cancel()


@contextlib.asynccontextmanager
async def _outbox(
    event_log: EventLog, metadata: JobMetadata, claimed: Claim, *, clock: Clock, folder: Path | None
) -> AsyncIterator[tuple[Outbox, asyncio.Task[None]]]:
    spill = _spill(metadata, claimed, folder) if folder is not None else None
    outbox = Outbox(
        log=event_log,
        log_name=Log.SESSIONS,
        subject=claimed.subject,
        revision=claimed.revision,
        clock=clock,
        spill=spill,
        acked_n=claimed.n,
    )
    if spill is not None:
        spill.start()
    publishing = asyncio.create_task(outbox.run(), name="outbox")
    try:
        yield outbox, publishing
    finally:
        await stop(publishing)
        if spill is not None:
            await spill.close()
            if outbox.acked_n == outbox.last_n:
                spill.remove()


async def _flush(outbox: Outbox, publishing: asyncio.Task[None]) -> None:
    """Wait until all is stored, as long as somebody stores it."""
    try:
        stored = asyncio.ensure_future(outbox.drain(FLUSH_S))
        await asyncio.wait({stored, publishing}, return_when=asyncio.FIRST_COMPLETED)
        if not stored.done():
            stored.cancel()
            raise OutboxFenced("nothing is published any more")
        await stored
    except LogFault as fault:
        log.error("outbox_not_drained", code=fault.code, waiting=outbox.last_n - outbox.acked_n)


def spill_name(metadata: JobMetadata, job_id: str) -> str:
    """The file of one job; the worker finds it by the same rule when the job has died.

    By the job too: one that was dispatched twice and never claimed dies beside the one that serves the session.
    """
    return f"{metadata.session}.{metadata.epoch}.{job_id}{SPILL_SUFFIX}"


def _spill(metadata: JobMetadata, claimed: Claim, folder: Path) -> Spill:
    folder.mkdir(parents=True, exist_ok=True)
    header = SpillHeader(
        log=Log.SESSIONS,
        subject=claimed.subject,
        customer=metadata.customer,
        session=metadata.session,
        epoch=metadata.epoch,
        revision=claimed.revision,
    )
    return Spill(folder / spill_name(metadata, claimed.job_id), header)


async def meter_of(event_log: EventLog, metadata: JobMetadata, opened: Opened) -> Meter | None:
    """What the session has spent so far; None where it may spend what it likes."""
    requested = opened.state.admission.requested
    if requested is None or not isinstance(requested.limits.budget_nano, int):
        return None
    book = await price_book_of(event_log, metadata.customer, requested.price_book or DEPLOYMENT_BOOK)
    return Meter(book, requested.limits.budget_nano).after(opened.used)


def _kinds(version: TemplateVersion, opened: Opened) -> dict[PanelId, PanelKind]:
    requested = opened.state.admission.requested
    enabled = set(requested.panels) if requested is not None else set(version.draft.panels)
    return {id: kind for id, kind in version.panel_kinds.items() if id in enabled}


def _limits(version: TemplateVersion, opened: Opened) -> Limits:
    requested = opened.state.admission.requested
    return requested.limits if requested is not None else version.draft.limits
