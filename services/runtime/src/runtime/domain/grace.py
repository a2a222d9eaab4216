"""When a session ends because nobody is there: the rule of the grace, and of the wait for the first arrival.

A reload or a lost network is not the end. LiveKit reports them as a leaving, followed within two seconds by a return
(reference/real-livekit.md §5), so a leaving that short is not worth an event either.
"""

from typing import Literal, assert_never

import msgspec

from contracts.template_version import Limits

BLINK_S = 0.5
"""A full reconnect looks like leaving and joining within 10 ms; what is over sooner than this was no absence."""


class Awaited(msgspec.Struct, frozen=True):
    """Nobody has come yet."""

    since: float


class Here(msgspec.Struct, frozen=True):
    """The participant is in the room."""


class Gone(msgspec.Struct, frozen=True):
    """The participant left; `noted` once the absence outlasted a blink and was recorded."""

    since: float
    noted: bool = False


Presence = Awaited | Here | Gone


class Due(msgspec.Struct, frozen=True):
    """What follows if nothing changes until `at` (monotonic seconds)."""

    at: float
    what: Literal["no_show", "note_absence", "user_left"]


def joined(_presence: Presence) -> Presence:
    """The participant is in the room."""
    return Here()


def left(presence: Presence, *, now: float) -> Presence:
    """The participant is no longer in the room; saying so twice changes nothing."""
    return Gone(now) if isinstance(presence, Here) else presence


def noted(presence: Presence) -> Presence:
    """The absence has been recorded."""
    return Gone(presence.since, noted=True) if isinstance(presence, Gone) else presence


def absence_ms(before: Presence, *, now: float) -> int | None:
    """How long a recorded absence was that ends now, in milliseconds; None where none was recorded."""
    return round((now - before.since) * 1000) if isinstance(before, Gone) and before.noted else None


def due(presence: Presence, limits: Limits) -> Due | None:
    """What comes next by itself; None while the participant is here."""
    match presence:
        case Awaited(since):
            return Due(since + limits.join_timeout_s, "no_show")
        case Here():
            return None
        case Gone(since, noted=False):
            return Due(since + min(BLINK_S, limits.grace_s), "note_absence")
        case Gone(since):
            return Due(since + limits.grace_s, "user_left")
        case _:
            assert_never(presence)
