"""Invitations: offered by who may, and taken back. Nobody mails them: the answer holds the token, and this once.

A token is ``bit~<customer>~<invitation>~<43 characters>``: it says where to look, so that no table of tokens is needed.
"""

import hmac
import secrets
from datetime import timedelta
from typing import NamedTuple

from chassis.clock import Clock
from chassis.command_handler import Handled
from chassis.errors import InvalidInput, NotAllowed
from chassis.ids import new_id
from chassis.principal import Principal
from config.domain.credentials import email_errors
from config.domain.members import Invite, RevokeInvitation
from config.domain.membership import State
from config.handlers.people.digests import Digests
from config.handlers.people.roster import Roster, Sealed
from config.handlers.people.sealed_people import SealedPeople
from contracts.access import Role
from contracts.events.invitation import InvitationCreated, Invitee
from contracts.ids import CustomerId, InvitationId, is_id

LIFE = timedelta(days=7)
_PREFIX = "bit"


class Offer(NamedTuple):
    """An invitation, and whose."""

    customer: CustomerId
    id: InvitationId


class Invited(NamedTuple):
    """A new invitation, and the token that nobody will see again."""

    id: InvitationId
    token: str
    handled: Handled[State]


class Invitations:
    """Raises the decider's refusals, Unavailable and LogFault."""

    def __init__(self, *, roster: Roster, people: SealedPeople, digests: Digests, clock: Clock) -> None:
        self._roster, self._people, self._digests, self._clock = roster, people, digests, clock

    async def create(self, principal: Principal, *, email: str, role: Role) -> Invited:
        """Offer a role for seven days; raises InvalidInput, OwnersOnly, AlreadyMember, TooManyMembers."""
        if errors := list(email_errors(email)):
            raise InvalidInput("the invitation is not valid", errors=errors)
        id, secret, now = InvitationId(new_id("inv")), secrets.token_urlsafe(32), self._clock.now()
        invite = Invite(
            invitation=id,
            role=role,
            address=self._digests.address(email),
            digest=self._digests.token(secret),
            expires_at=now + LIFE,
            now=now,
            by=acting_role(principal),
        )
        keyid, key = await self._people.new_key(principal.customer, id)
        sealed = Sealed(Invitee(email=email.strip()), keyid, key)
        handled = await self._roster.handle(principal.customer, invite, actor=principal.actor, sealed=sealed)
        return Invited(id, "~".join((_PREFIX, principal.customer, id, secret)), handled)

    async def revoke(self, principal: Principal, id: InvitationId) -> None:
        """Take an offer back, and destroy what it says of a person; raises NotFound, InvitationOver."""
        await self._roster.handle(principal.customer, RevokeInvitation(id), actor=principal.actor)
        if (began := await self._roster.beginning(principal.customer, InvitationCreated, id)) is not None:
            await self._people.destroy(principal.customer, began.keyid)


def read_token(token: str) -> tuple[CustomerId, InvitationId, str] | None:
    """Where to look for the invitation, and the secret; None for what is no token."""
    match token.split("~"):
        case [prefix, customer, id, secret] if prefix == _PREFIX and is_id(customer) and is_id(id):
            return CustomerId(customer), InvitationId(id), secret
        case _:
            return None


def same(one: str, other: str) -> bool:
    """Whether two digests are equal, in constant time."""
    return hmac.compare_digest(one, other)


def acting_role(principal: Principal) -> Role:
    """As what somebody acts on people: a key with `members:write` as an admin, never as an owner; an operator as one.

    Raises NotAllowed for a member who is neither.
    """
    if principal.role is None:
        return "owner" if principal.kind == "operator" else "admin"
    if principal.role not in ("owner", "admin"):
        raise NotAllowed(f"the role {principal.role} does not administer people")
    return principal.role
