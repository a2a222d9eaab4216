"""The envelope around every event, and the commit: the events of one append, stored as one message.

The format is final (CloudEvents attribute names, JSON). `data` never holds personal values; what people
said, typed, showed and are called is in `personal`, sealed once, before the event leaves its process.
"""

from datetime import UTC, datetime

import msgspec
import rfc8785

from contracts.ids import CustomerId, EventId, KeyId

MAX_COMMIT_BYTES = 512 * 1024
MAX_DATA_BYTES = 64 * 1024
MAX_PERSONAL_BYTES = 320 * 1024
"""Sealed. With the largest `data`, and in base64, it still fits one commit; larger content goes to the blobs port."""


class InvalidCommit(ValueError):
    """A commit that is empty, too large, or not an array of envelopes."""

    code = "invalid_commit"


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event.

    `subject` is the session's or entity's id; `n` counts 1, 2, 3 … per writer, so that a gap is visible without
    the broker; `time` is RFC 3339 UTC with microseconds, by the producer's clock, and orders nothing.
    `personal` is an AES-256-GCM blob (12-byte nonce, ciphertext, tag) under the key `keyid`.
    """

    id: EventId
    type: str
    v: int
    time: str
    customer: CustomerId
    subject: str
    writer: str
    n: int
    epoch: int = 0
    actor: str = ""
    source: str = ""
    livemode: bool = False
    correlationid: str = ""
    causationid: str = ""
    traceparent: str = ""
    keyid: KeyId = KeyId("")
    data: msgspec.Raw
    personal: bytes = b""


_decoder = msgspec.json.Decoder(list[Envelope])
_encoder = msgspec.json.Encoder()


def encode_commit(events: list[Envelope]) -> bytes:
    """The JSON array that one message carries; raises InvalidCommit when empty or over MAX_COMMIT_BYTES."""
    if not events:
        raise InvalidCommit("a commit holds at least one event")
    payload = _encoder.encode(events)
    if len(payload) > MAX_COMMIT_BYTES:
        raise InvalidCommit(f"a commit holds at most {MAX_COMMIT_BYTES} bytes, not {len(payload)}")
    return payload


def decode_commit(payload: bytes) -> list[Envelope]:
    """Inverse of `encode_commit`; raises InvalidCommit."""
    try:
        events = _decoder.decode(payload)
    except msgspec.MsgspecError as error:
        raise InvalidCommit(str(error)) from error
    if not events:
        raise InvalidCommit("a commit holds at least one event")
    return events


def associated_data(*, id: EventId, type: str, v: int, customer: CustomerId, subject: str) -> bytes:
    """What the seal of `personal` is bound to, so that a blob cannot be moved to another event."""
    return rfc8785.dumps([id, type, v, customer, subject])


def format_time(moment: datetime) -> str:
    """RFC 3339 UTC with microseconds and Z; `moment` must be aware."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> datetime:
    """Inverse of `format_time`."""
    return datetime.fromisoformat(text)
