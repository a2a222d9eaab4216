"""Bringing a dead job's spill into the log: what it lacks, once, and never into a session that has moved on.

Where the stream stands as the job left it, its events follow as it would have appended them. Where another epoch has
begun, or the numbers no longer join, they go under the writer `late`, with numbers of its own and their original ids.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import structlog

from chassis.commit_packing import how_many_fit, join
from chassis.event_log import EventLog, LogFault, RevisionConflict
from chassis.spill.file import SpillContents, SpillHeader, read_spill
from contracts.envelope import Envelope, decode_commit
from contracts.subjects import Writer, session_subject

_log = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode
_ROUNDS = 8


class Published(msgspec.Struct, frozen=True):
    """How many of the spill's events went under the job's own writer, under `late`, and were in the log before."""

    appended: int = 0
    late: int = 0
    already: int = 0


class _Stream(msgspec.Struct):
    """What the log holds of one stream after the spill began."""

    revision: int
    last_n: int = 0
    highest_epoch: int = 0
    ids: set[str] = msgspec.field(default_factory=set)


async def publish_spill(log: EventLog, path: Path) -> Published:
    """Append what the log lacks of the spill at `path`; safe to repeat. The file is not touched.

    Raises SpillBroken, OSError, LogFault (some may be appended then; call again).
    """
    contents = await asyncio.to_thread(read_spill, path)
    for _ in range(_ROUNDS):
        try:
            published = await _publish(log, contents)
        except RevisionConflict:
            # Someone appended between our reading and our append: perhaps the next job's claim, perhaps the last
            # commit of the dead one. Look again.
            continue
        _log.info("spill_published", session=contents.header.session, epoch=contents.header.epoch, found=str(published))
        return published
    raise LogFault(f"the stream of a spill moved on {_ROUNDS} times while it was published")


async def _publish(log: EventLog, contents: SpillContents) -> Published:
    header = contents.header
    own = await _read(log, header, header.subject, after=header.revision)
    lacking = [
        (event, raw) for event, raw in zip(contents.envelopes, contents.encoded, strict=True) if event.id not in own.ids
    ]
    if not lacking:
        return Published(already=len(contents.envelopes))
    if own.highest_epoch <= header.epoch and own.last_n in (0, lacking[0][0].n - 1):
        await _append(log, header, header.subject, lacking, own.revision)
        return Published(appended=len(lacking), already=len(contents.envelopes) - len(lacking))
    late = await _publish_late(log, header, [event for event, _ in lacking])
    return Published(late=late, already=len(contents.envelopes) - late)


async def _publish_late(log: EventLog, header: SpillHeader, events: list[Envelope]) -> int:
    subject = session_subject(header.customer, header.session, Writer.LATE)
    stream = await _read(log, header, subject, after=0)
    lacking = [event for event in events if event.id not in stream.ids]
    renumbered = [
        msgspec.structs.replace(event, writer=str(Writer.LATE), n=n)
        for n, event in enumerate(lacking, stream.last_n + 1)
    ]
    await _append(log, header, subject, [(event, _encode(event)) for event in renumbered], stream.revision)
    return len(lacking)


async def _read(log: EventLog, header: SpillHeader, subject: str, *, after: int) -> _Stream:
    stream = _Stream(revision=after)
    async for commit in log.read(header.log, subject, after=after):
        stream.revision = commit.sequence
        for event in decode_commit(commit.payload):
            stream.ids.add(event.id)
            stream.last_n = event.n
            stream.highest_epoch = max(stream.highest_epoch, event.epoch)
    return stream


async def _append(
    log: EventLog, header: SpillHeader, subject: str, events: Sequence[tuple[Envelope, bytes]], revision: int
) -> None:
    rest = list(events)
    while rest:
        count = how_many_fit(raw for _, raw in rest)
        payload = join([raw for _, raw in rest[:count]])
        revision = await log.append_bytes(header.log, subject, payload, message_id=rest[0][0].id, expected=revision)
        rest = rest[count:]
