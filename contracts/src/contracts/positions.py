"""A place in a log, as an opaque string: what `min_position`, `Last-Event-ID` and `at` take.

Order is by (sequence, index) within one log and incarnation; never by an event's time.
"""

import base64

import msgspec

from contracts.subjects import Log

_VERSION = "p1"
POSITION_PATTERN = rf"^{_VERSION}\.[A-Za-z0-9_-]+$"
"""The form of a position's text, as a JSON Schema pattern; what is inside is nobody's business."""


class InvalidPosition(ValueError):
    """A text that no position encodes to."""

    code = "invalid_position"


class Position(msgspec.Struct, frozen=True, order=False, array_like=True):
    """(log, incarnation of the log, partition, sequence of the commit, index of the event in its commit).

    `partition` is -1 where the log has none (CONFIG, LEDGER). `sequence` counts from 1, `index` from 0.
    """

    log: Log
    incarnation: str
    partition: int
    sequence: int
    index: int = 0

    def encode(self) -> str:
        """The opaque text; safe in URLs and headers."""
        raw = msgspec.json.encode(self)
        return f"{_VERSION}.{base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}"

    @property
    def order(self) -> tuple[int, int]:
        """Sort key among positions of one log and incarnation."""
        return (self.sequence, self.index)


def decode_position(text: str) -> Position:
    """Inverse of `Position.encode`; raises InvalidPosition."""
    version, dot, body = text.partition(".")
    if version != _VERSION or not dot:
        raise InvalidPosition(f"{text[:80]!r} is not a position")
    try:
        raw = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        position = msgspec.json.decode(raw, type=Position)
    except (ValueError, msgspec.MsgspecError) as error:  # base64 refuses some texts by a bare ValueError
        raise InvalidPosition(f"{text[:80]!r} is not a position") from error
    if position.sequence < 0 or position.index < 0:
        raise InvalidPosition(f"{text[:80]!r} is not a position")
    return position
