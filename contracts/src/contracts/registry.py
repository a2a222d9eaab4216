"""Which Struct holds the `data`, and which the `personal`, of each event type and version.

Every event family registers its Structs here with `@event`; decoding goes through here and nowhere else.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from contracts.envelope import Envelope


class EventData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The open part of an event: never personal, at most 64 KiB."""


class Personal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The sealed part of an event: what people said, typed, showed and are called."""


class UnknownEvent(ValueError):
    """An event type or version that this build does not know."""

    code = "unknown_event"


class EventType(msgspec.Struct, frozen=True):
    """One name and version of event, with the Structs of its two parts."""

    name: str
    v: int
    data: type[EventData]
    personal: type[Personal] | None = None


_by_name: dict[tuple[str, int], EventType] = {}
_by_class: dict[type[EventData], EventType] = {}
_decoders: dict[type, msgspec.json.Decoder[Any]] = {}

D = TypeVar("D", bound=EventData)


def event(name: str, *, v: int = 1, personal: type[Personal] | None = None) -> Callable[[type[D]], type[D]]:
    """Register the decorated EventData Struct as version `v` of the event `name`."""

    def register(data: type[D]) -> type[D]:
        known = EventType(name, v, data, personal)
        if (name, v) in _by_name:
            raise ValueError(f"{name} v{v} is registered twice")
        _by_name[name, v] = known
        _by_class[data] = known
        return data

    return register


def event_types() -> list[EventType]:
    """All known types, sorted by name and version."""
    return [_by_name[key] for key in sorted(_by_name)]


def type_of(data: EventData) -> EventType:
    """The registered type of an event's data."""
    return _by_class[type(data)]


def find_type(name: str, v: int) -> EventType:
    """The type by name and version; raises UnknownEvent."""
    try:
        return _by_name[name, v]
    except KeyError:
        raise UnknownEvent(f"no event {name!r} of version {v} is known") from None


def decode_data(envelope: Envelope) -> EventData:
    """The open part of an event; raises UnknownEvent, or msgspec.ValidationError for a wrong shape."""
    known = find_type(envelope.type, envelope.v)
    decoded: EventData = _decoder(known.data).decode(envelope.data)
    return decoded


def decode_personal(envelope: Envelope, opened: bytes) -> Personal:
    """The opened sealed part of an event; raises UnknownEvent or msgspec.ValidationError."""
    known = find_type(envelope.type, envelope.v)
    if known.personal is None:
        raise UnknownEvent(f"{envelope.type} v{envelope.v} has no personal part")
    decoded: Personal = _decoder(known.personal).decode(opened)
    return decoded


def _decoder(struct: type) -> msgspec.json.Decoder[Any]:
    if struct not in _decoders:
        _decoders[struct] = msgspec.json.Decoder(struct)
    return _decoders[struct]
