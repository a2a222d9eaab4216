"""An event as people are shown it: its envelope, where it stands, and its sealed part opened."""

from typing import Any

import msgspec

from contracts.envelope import Envelope


class OpenedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An envelope with its position; `personal` is opened, or `erased`, `broken` or null."""

    position: str
    id: str
    type: str
    v: int
    time: str
    customer: str
    subject: str
    writer: str
    n: int
    epoch: int
    actor: str
    source: str
    livemode: bool
    correlationid: str
    causationid: str
    traceparent: str
    data: msgspec.Raw
    personal: Any


_COPIED = [name for name in OpenedEvent.__struct_fields__ if name not in ("position", "personal")]


def opened_event(envelope: Envelope, *, position: str, personal: Any) -> OpenedEvent:
    """`personal` is what the sealed part opened to, or the word that says why it did not."""
    return OpenedEvent(position=position, personal=personal, **{name: getattr(envelope, name) for name in _COPIED})
