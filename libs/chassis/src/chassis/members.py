"""Who is a member of which customer, in which role, and which logins have just ended: a fold of the CONFIG log."""

from datetime import datetime, timedelta

import msgspec

from chassis.access_tokens import LEEWAY_S, TTL_S
from contracts.access import Role
from contracts.envelope import Envelope, parse_time
from contracts.events.login import LoginEnded
from contracts.events.member import MemberJoined, MemberRemoved, MemberRoleChanged
from contracts.ids import CustomerId, LoginId, MemberId
from contracts.registry import EventData

_REMEMBERED = timedelta(seconds=TTL_S + 2 * LEEWAY_S)
"""For how long an ended login must be known: afterwards no token of it is good any more."""


class Standing(msgspec.Struct, frozen=True):
    """What a member is now."""

    customer: CustomerId
    role: Role


class Members:
    """All members, as folded so far (chassis.access reads the log)."""

    def __init__(self) -> None:
        self._standing: dict[MemberId, Standing] = {}
        self._ended: dict[LoginId, datetime] = {}

    def find(self, member: MemberId) -> Standing | None:
        """How the member stands; None for one that is none (any more)."""
        return self._standing.get(member)

    def ended(self, login: LoginId) -> bool:
        """Whether the login was ended while a token of it may still be about."""
        return login in self._ended

    def apply(self, envelope: Envelope, event: EventData) -> None:
        """Fold one event; pass over what is not about members."""
        match event:
            case MemberJoined(member=member, role=role) | MemberRoleChanged(member=member, role=role):
                self._standing[member] = Standing(envelope.customer, role)
            case MemberRemoved(member=member):
                self._standing.pop(member, None)
            case LoginEnded():
                self._end(LoginId(envelope.subject), parse_time(envelope.time))
            case _:
                pass

    def _end(self, login: LoginId, at: datetime) -> None:
        self._ended[login] = at
        while (oldest := next(iter(self._ended))) != login and at - self._ended[oldest] > _REMEMBERED:
            del self._ended[oldest]
