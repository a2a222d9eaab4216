"""`baton verify`: does an export prove itself? Separate code on purpose: it shares nothing with what wrote the export.

It needs the export and the public key, and nothing else: the standard library and one library of cryptography. It must
never import the ledger, the chassis or the contracts, or a mistake of theirs would be its own.

The format is `baton.session-export/1`, NDJSON: a header; every commit in log order with its bytes as stored; the chain
head of every stream, where ``h_0 = SHA-256(subject)`` and ``h_i = SHA-256(h_{i-1} || bytes_i)``; and an Ed25519
signature over the header, the heads and a digest of all commits.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "baton.session-export/1"
MAX_PROBLEMS = 100
_HEADER = ("format", "session", "customer", "created", "incarnation", "public_key")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`heads` (hex, by subject) and `count` (commits) as recomputed from the export's bytes.

    `trusted` says that the signature is by the key that the caller gave; without one, the export only agrees with
    itself, and `public_key` is the key that it names. At most MAX_PROBLEMS problems are told.
    """

    ok: bool
    problems: list[str]
    heads: dict[str, str]
    count: int
    trusted: bool
    public_key: str
    session: str
    customer: str


def verify_export(lines: Iterable[str], public_key: bytes | None) -> Verdict:
    """Check an export; `public_key` is the deployment's Ed25519 key, 32 bytes. Never raises for what `lines` hold."""
    check = _Check()
    for number, line in enumerate(lines, start=1):
        if line.strip():
            check.take(number, line)
    check.finish(public_key)
    return Verdict(
        ok=not check.problems,
        problems=check.problems[:MAX_PROBLEMS],
        heads={subject: stream.head.hex() for subject, stream in sorted(check.streams.items())},
        count=sum(stream.count for stream in check.streams.values()),
        trusted=not check.problems and public_key is not None,
        public_key=str(check.header.get("public_key", "")),
        session=str(check.header.get("session", "")),
        customer=str(check.header.get("customer", "")),
    )


@dataclass
class _Stream:
    """One writer of the session, as far as read."""

    head: bytes
    count: int = 0
    n: int = 0
    epoch: int = 0


@dataclass
class _Check:
    problems: list[str] = field(default_factory=list)
    header: dict[str, Any] = field(default_factory=dict)
    streams: dict[str, _Stream] = field(default_factory=dict)
    heads: list[dict[str, Any]] = field(default_factory=list)
    signature: dict[str, Any] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    sequence: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def take(self, number: int, line: str) -> None:
        try:
            read = json.loads(line)
        except (ValueError, RecursionError):
            read = None
        if not isinstance(read, dict):
            return self.blame(number, "is not a JSON object")
        if self.signature:
            return self.blame(number, "follows the signature, which is the last line")
        if not self.header:
            return self.take_header(number, read)
        match read.get("kind"):
            case "commit" if self.heads:
                self.blame(number, "is a commit after the heads")
            case "commit":
                self.take_commit(number, read)
            case "head":
                self.heads.append(read)
            case "signature":
                self.signature = read
            case _:
                self.blame(number, "is of no known kind")
        return None

    def take_header(self, number: int, read: dict[str, Any]) -> None:
        self.header = read
        if read.get("kind") != "header" or read.get("format") != FORMAT:
            self.blame(number, f"is not the header of {FORMAT}")
        elif not all(isinstance(read.get(name), str) for name in _HEADER):
            self.blame(number, "is a header that lacks something")

    def take_commit(self, number: int, read: dict[str, Any]) -> None:
        subject, sequence, stored_ns = read.get("subject"), read.get("sequence"), read.get("stored_ns")
        payload = _bytes(read.get("payload"))
        if not isinstance(subject, str) or not _is_int(sequence) or not isinstance(stored_ns, str) or payload is None:
            return self.blame(number, "is a commit that lacks something")
        if sequence <= self.sequence:
            self.blame(number, f"has sequence {sequence} after {self.sequence}")
        self.sequence = sequence
        self.digest.update(f"{subject} {sequence} {stored_ns} {hashlib.sha256(payload).hexdigest()}\n".encode())
        first = _Stream(hashlib.sha256(subject.encode()).digest())
        stream = self.streams.setdefault(subject, first)
        stream.head = hashlib.sha256(stream.head + payload).digest()
        stream.count += 1
        return self.take_events(number, subject, stream, payload)

    def take_events(self, number: int, subject: str, stream: _Stream, payload: bytes) -> None:
        try:
            events = json.loads(payload)
        except (ValueError, RecursionError):
            events = None
        if not isinstance(events, list) or not events or not all(isinstance(event, dict) for event in events):
            return self.blame(number, "holds no events")
        for event in events:
            self.take_event(number, subject.split("."), stream, event)
        return None

    def take_event(self, number: int, tokens: list[str], stream: _Stream, event: Mapping[str, Any]) -> None:
        if [event.get("customer"), event.get("subject"), event.get("writer")] != tokens[2:]:
            self.blame(number, f"holds an event of {event.get('writer')} that does not belong to its subject")
        if [event.get("customer"), event.get("subject")] != [self.header.get("customer"), self.header.get("session")]:
            self.blame(number, "holds an event of another session")
        n, epoch = event.get("n"), event.get("epoch", 0)
        if n != stream.n + 1:
            self.blame(number, f"{tokens[-1]}: n is {n} after {stream.n}")
        stream.n = n if _is_int(n) else stream.n + 1
        if tokens[-1] == "run":
            self.take_epoch(number, stream, epoch, event)
        if (id := str(event.get("id"))) in self.ids:
            self.blame(number, f"holds the event {id} a second time")
        self.ids.add(id)

    def take_epoch(self, number: int, stream: _Stream, epoch: Any, event: Mapping[str, Any]) -> None:
        """One epoch at a time writes `run`: it never falls, and rises only by a claim."""
        if not _is_int(epoch) or epoch < stream.epoch:
            return self.blame(number, f"run: epoch {epoch} writes after epoch {stream.epoch}")
        if epoch > stream.epoch and event.get("type") != "session.job_claimed":
            self.blame(number, f"run: epoch {epoch} writes without having claimed the session")
        stream.epoch = epoch
        return None

    def finish(self, public_key: bytes | None) -> None:
        if not self.header:
            self.problems.append("the export is empty")
        self.compare_heads()
        if not self.signature:
            self.problems.append("the export has no signature: its end is missing")
        elif self.signature.get("commits") != self.digest.hexdigest():
            self.problems.append("the commits are not those that were signed")
        elif not self.is_signed(public_key):
            self.problems.append("the signature is not by this key over these heads")

    def compare_heads(self) -> None:
        told = {str(head.get("subject")): head for head in self.heads}
        for subject in sorted({*told, *self.streams}):
            head, stream = told.get(subject), self.streams.get(subject)
            if head is None:
                self.problems.append(f"{subject}: no head was signed for it")
            elif stream is None or stream.count != head.get("count"):
                found = stream.count if stream else 0
                self.problems.append(f"{subject}: {head.get('count')} commits were signed, {found} are here")
            elif stream.head.hex() != head.get("head"):
                self.problems.append(f"{subject}: its commits do not give the signed head")

    def is_signed(self, public_key: bytes | None) -> bool:
        said = {name: self.header.get(name) for name in _HEADER}
        heads = [{name: head.get(name) for name in ("subject", "count", "head")} for head in self.heads]
        statement = {**said, "heads": heads, "commits": self.signature.get("commits")}
        try:
            signature = bytes.fromhex(str(self.signature.get("signature")))
            key = public_key if public_key is not None else bytes.fromhex(str(self.header.get("public_key")))
            Ed25519PublicKey.from_public_bytes(key).verify(signature, _canonical(statement))
        except (InvalidSignature, ValueError):
            return False
        return True

    def blame(self, number: int, what: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(f"line {number} {what}")


def _canonical(value: object) -> bytes:
    """JSON with sorted keys and no spaces; all its texts are ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _bytes(text: object) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else None
    except (binascii.Error, ValueError):
        return None


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
