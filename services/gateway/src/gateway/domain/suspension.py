"""What a customer's suspension means for its sessions. Pure.

It ends those that were let in before it, and those that slipped in while it lasted: also where it was over again
before anybody looked.
"""

import msgspec

from gateway.domain.view import SessionView


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Of a customer: whether it is suspended now, when it last was (seconds since 1970, 0 for never), and by whom."""

    suspended: bool = False
    at_s: float = 0
    by: str = ""


def must_end(view: SessionView, standing: Standing) -> bool:
    """Whether the suspension ends this session."""
    return view.known and not view.over and (standing.suspended or view.requested_s <= standing.at_s)
