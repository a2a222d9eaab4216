"""The hash chain of a stream: one per (session, writer), over the bytes of its commits as stored.

``h_0 = SHA-256(subject)`` and ``h_i = SHA-256(h_{i-1} || bytes_i)``, so that any rebuild gives the same heads.
"""

import hashlib

import msgspec


class Head(msgspec.Struct, frozen=True):
    """Where a chain stands: how many commits, and ``h_count`` (32 bytes)."""

    subject: str
    count: int
    value: bytes


class RecordedCommit(msgspec.Struct, frozen=True):
    """One commit of the record: `number` counts within its subject from 1, `stored_ns` is the log's own time."""

    subject: str
    number: int
    sequence: int
    stored_ns: int
    payload: bytes


def genesis(subject: str) -> Head:
    """The head before the first commit."""
    return Head(subject, 0, hashlib.sha256(subject.encode()).digest())


def extended(head: Head, payload: bytes) -> Head:
    """The head after one more commit."""
    return Head(head.subject, head.count + 1, hashlib.sha256(head.value + payload).digest())
