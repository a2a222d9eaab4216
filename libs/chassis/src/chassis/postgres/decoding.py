"""Commits as stored, turned into events with positions. Each commit is decoded once, whoever reads it."""

import functools

import msgspec

from chassis.event_log import Commit, Recorded
from contracts.envelope import decode_commit
from contracts.ids import CustomerId
from contracts.positions import Position
from contracts.subjects import StreamOwner, owner_of


@functools.lru_cache(maxsize=16_384)
def owner_cached(subject: str) -> StreamOwner:
    """`owner_of`, remembered: a session's subject comes hundreds of times in a row.

    A subject that Baton never writes owns itself, so that a stray message stops nobody else.
    """
    try:
        return owner_of(subject)
    except ValueError:
        return StreamOwner(CustomerId(""), subject, -1)


class DecodedCommit(msgspec.Struct, frozen=True, gc=False):
    """A commit, whose session it is, and its events."""

    commit: Commit
    owner: StreamOwner
    events: list[Recorded]


def decode(commit: Commit, incarnation: str) -> DecodedCommit:
    """Raises InvalidCommit for bytes that are no commit."""
    owner = owner_cached(commit.subject)
    envelopes = decode_commit(commit.payload)
    log, partition, sequence, subject = commit.log, owner.partition, commit.sequence, commit.subject
    events = [
        Recorded(Position(log, incarnation, partition, sequence, index), subject, envelope)
        for index, envelope in enumerate(envelopes)
    ]
    return DecodedCommit(commit, owner, events)
