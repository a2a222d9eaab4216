"""Claiming a session: which job may serve it, decided by the log alone.

A job may claim only the epoch that it was dispatched with, and only the gateway allocates epochs. Where the log holds a
claim of that epoch or a later one, or an end, or never allocated it, the job is an uninvited or a late one, and leaves
without a word (design.md §3.3).
"""

import contextlib
from datetime import datetime

import msgspec

from chassis.clock import Clock
from chassis.event_log import EventLog, RevisionConflict
from chassis.key_ring import KeyRing
from chassis.recording import Origin, Recorder
from contracts.commands.jobs import JobMetadata
from contracts.envelope import decode_commit, parse_time
from contracts.events.session import JobClaimed, SessionDispatched, SessionFailed
from contracts.events.usage import Usage
from contracts.registry import decode_data
from contracts.session_state import SessionState, evolve, fact
from contracts.subjects import Log, Writer, session_filter, session_subject

_LAST_TYPES = frozenset({"session.ended", "session.failed"})


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """The session is ours: the revision of its `run` stream, the number of our claim, and what it followed."""

    subject: str
    revision: int
    n: int
    before_epoch: int
    job_id: str


async def claim(
    log: EventLog, metadata: JobMetadata, *, clock: Clock, source: str, job_id: str, worker_id: str, participant: str
) -> Claim | None:
    """Append `job_claimed` as the next `run` event; None where the session is not this job's. Raises LogFault."""
    subject = session_subject(metadata.customer, metadata.session, Writer.RUN)
    last = await log.last(Log.SESSIONS, subject)
    revision, n, epoch = 0, 0, 0
    if last is not None:
        event = decode_commit(last.payload)[-1]
        revision, n, epoch = last.sequence, event.n, event.epoch
        if epoch >= metadata.epoch or event.type in _LAST_TYPES:
            return None
    if metadata.epoch > await _allocated(log, metadata):
        return None
    stamp = Recorder(origin=origin_of(metadata, source=source), clock=clock, last_n=n, epoch=metadata.epoch)
    claimed = stamp.record(
        JobClaimed(epoch=metadata.epoch, job_id=job_id, worker_id=worker_id, participant=participant)
    )
    try:
        position = await log.append(Log.SESSIONS, subject, [claimed], expected=revision)
    except RevisionConflict:
        return None
    return Claim(subject=subject, revision=position.sequence, n=claimed.n, before_epoch=epoch, job_id=job_id)


async def _allocated(log: EventLog, metadata: JobMetadata) -> int:
    """The last epoch that the gateway allocated; 0 where it never admitted the session."""
    epoch = 0
    subject = session_subject(metadata.customer, metadata.session, Writer.ADMISSION)
    async for commit in log.read(Log.SESSIONS, subject):
        for envelope in decode_commit(commit.payload):
            if isinstance(told := decode_data(envelope), SessionDispatched):
                epoch = max(epoch, told.epoch)
    return epoch


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A session as folded up to our claim. `claimed_at`: when its first job claimed it; `used`: all it used so far."""

    state: SessionState
    claimed_at: datetime
    used: list[Usage]


async def open_session(log: EventLog, metadata: JobMetadata, claimed: Claim, *, keys: KeyRing) -> Opened:
    """Fold all of the session's events up to our claim. Raises LogFault, SealBroken."""
    state = SessionState()
    claimed_at: datetime | None = None
    used: list[Usage] = []
    async for commit in log.read(Log.SESSIONS, session_filter(metadata.customer, metadata.session)):
        if commit.sequence > claimed.revision and commit.subject == claimed.subject:
            break
        for envelope in decode_commit(commit.payload):
            told = fact(envelope, await keys.open(envelope))
            state = evolve(state, told)
            if isinstance(told.data, Usage):
                used.append(told.data)
            if envelope.type == "session.job_claimed" and claimed_at is None:
                claimed_at = parse_time(envelope.time)
    assert claimed_at is not None
    return Opened(state=state, claimed_at=claimed_at, used=used)


def origin_of(metadata: JobMetadata, *, source: str) -> Origin:
    """What every `run` event of a job has in common."""
    return Origin(
        customer=metadata.customer,
        subject=metadata.session,
        writer=Writer.RUN,
        source=source,
        livemode=metadata.livemode,
        keyid=metadata.keyid,
        correlationid=metadata.session,
    )


async def record_failure(
    log: EventLog, metadata: JobMetadata, claimed: Claim, *, clock: Clock, source: str, code: str
) -> None:
    """`session.failed` right after our claim, where the session cannot even be opened. Raises LogFault."""
    stamp = Recorder(origin=origin_of(metadata, source=source), clock=clock, last_n=claimed.n, epoch=metadata.epoch)
    failed = stamp.record(SessionFailed(code=code, component="runtime"))
    # In a conflict another job has the session, and the end is its to write.
    with contextlib.suppress(RevisionConflict):
        await log.append(Log.SESSIONS, claimed.subject, [failed], expected=claimed.revision)
