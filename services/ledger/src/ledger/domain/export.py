"""The lines of a session's export, format `baton.session-export/1`: NDJSON that proves itself. Pure.

    {"kind": "header", "format", "session", "customer", "created", "incarnation", "public_key"}
    {"kind": "commit", "subject", "sequence", "stored_ns", "payload"}        every commit, in log order
    {"kind": "head", "subject", "count", "head"}                             every stream, by subject
    {"kind": "signature", "algorithm": "Ed25519", "commits", "signature"}

`payload` is base64 of the bytes as stored; `head` the stream's chain (ledger.domain.chain) and `commits` a digest over
all commit lines, in hex; `stored_ns` is text, since it is beyond 2^53. The signature is over `statement`. What this
writes, `baton verify` reads with code of its own: change neither without a new format.
"""

import base64
import hashlib
from collections.abc import Iterable

import msgspec

from ledger.domain.chain import Head, RecordedCommit

FORMAT = "baton.session-export/1"


class Header(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="header"):
    """`created` in RFC 3339 UTC; `public_key` is Ed25519, 32 bytes in hex."""

    format: str = FORMAT
    session: str
    customer: str
    created: str
    incarnation: str
    public_key: str


class CommitsDigest:
    """SHA-256 over ``subject sequence stored_ns sha256(payload)`` and a newline, of every commit in log order."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, commit: RecordedCommit) -> None:
        """Take the next commit."""
        payload = hashlib.sha256(commit.payload).hexdigest()
        self._hash.update(f"{commit.subject} {commit.sequence} {commit.stored_ns} {payload}\n".encode())

    def hex(self) -> str:
        """Of all commits so far."""
        return self._hash.hexdigest()


def header_line(header: Header) -> bytes:
    """The first line."""
    return _line(header)


def commit_line(commit: RecordedCommit) -> bytes:
    """One commit."""
    return _line(
        {
            "kind": "commit",
            "subject": commit.subject,
            "sequence": commit.sequence,
            "stored_ns": str(commit.stored_ns),
            "payload": base64.b64encode(commit.payload).decode(),
        }
    )


def head_line(head: Head) -> bytes:
    """One stream's chain head."""
    return _line({"kind": "head", **_head(head)})


def signature_line(*, commits: str, signature: bytes) -> bytes:
    """The last line."""
    return _line({"kind": "signature", "algorithm": "Ed25519", "commits": commits, "signature": signature.hex()})


def statement(header: Header, *, heads: Iterable[Head], commits: str) -> bytes:
    """What is signed: the header, all heads and the digest of the commits; JSON, keys sorted, no spaces, ASCII."""
    plain = {name: value for name, value in msgspec.to_builtins(header).items() if name != "kind"}
    said = {**plain, "heads": [_head(head) for head in heads], "commits": commits}
    return msgspec.json.encode(said, order="sorted")


def _head(head: Head) -> dict[str, object]:
    return {"subject": head.subject, "count": head.count, "head": head.value.hex()}


def _line(value: object) -> bytes:
    return msgspec.json.encode(value) + b"\n"
