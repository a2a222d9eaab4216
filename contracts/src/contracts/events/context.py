"""Changes of what all agents of a session share: profile, flags, modality."""

from typing import Literal

import msgspec

from contracts.registry import EventData, Personal, event


class ContextPersonal(Personal, frozen=True, kw_only=True):
    """The values, JSON: `before` is null where the key was not set."""

    before: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"null"))
    after: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"null"))


@event("context.changed", personal=ContextPersonal)
class ContextChanged(EventData, frozen=True, kw_only=True):
    """`by` is an agent id or `user` or `platform`; the values themselves are personal."""

    area: Literal["profile", "flags", "modality", "observations"]
    key: str
    by: str


ContextEvent = ContextChanged
