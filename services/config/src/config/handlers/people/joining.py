"""Becoming a member: by registering a customer, by an invitation's token, or by an address that OIDC has proved.

Registration makes the customer first and its owner second; what a crash leaves between the two is a customer that
nobody can reach.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import NamedTuple

from chassis.access import Access
from chassis.clock import Clock
from chassis.errors import Conflict, FieldError, InvalidInput, NotAllowed, NotFound
from chassis.ids import new_id
from config.adapters.accounts import Accounts
from config.domain.credentials import email_errors, password_errors
from config.domain.customer import MAX_NAME as MAX_COMPANY
from config.domain.customer import Create
from config.domain.members import Accept, Found
from config.domain.membership import open_invitation
from config.handlers.customers import Customers
from config.handlers.people.digests import Digests
from config.handlers.people.invitations import Offer, read_token, same
from config.handlers.people.logins import LoggedIn, Logins
from config.handlers.people.passwords import Passwords
from config.handlers.people.roster import Roster, Sealed
from config.handlers.people.sealed_people import SealedPeople
from contracts.events.invitation import InvitationCreated, Invitee
from contracts.events.login import Proof
from contracts.events.member import Person
from contracts.ids import CustomerId, InvitationId, MemberId
from contracts.positions import Position

MAX_NAME = 100
_WAIT_S = 2.0


class RegistrationClosed(NotAllowed):
    """Customers of this deployment are made by its operators."""

    code, title = "registration_closed", "Registration is closed here"


class AddressTaken(Conflict):
    """The address is a member's, of whatever customer. Nobody mails here, so it cannot be told to its owner alone."""

    code, title = "address_taken", "There is an account of this address"


class UnknownInvitation(NotFound):
    """A token of no invitation."""

    code, title = "unknown_invitation", "The token is of no invitation"


class Newcomer(NamedTuple):
    """Who joins: `identity` is a digest, empty without OIDC; `password` is None with it."""

    email: str
    name: str
    password: str | None = None
    identity: str = ""


class Joining:
    """Makes members. Raises the refusals above and the deciders', InvalidInput, Unavailable and LogFault."""

    def __init__(
        self,
        *,
        roster: Roster,
        customers: Customers,
        accounts: Accounts,
        passwords: Passwords,
        people: SealedPeople,
        logins: Logins,
        digests: Digests,
        access: Access,
        clock: Clock,
        max_sessions: int | None,
    ) -> None:
        self._roster, self._customers, self._accounts, self._passwords = roster, customers, accounts, passwords
        self._people, self._logins, self._digests = people, logins, digests
        self._access, self._clock, self._max_sessions = access, clock, max_sessions

    async def register(self, who: Newcomer, *, company: str) -> LoggedIn:
        """A new customer and its owner; raises RegistrationClosed where `max_sessions` is None, and AddressTaken."""
        if self._max_sessions is None:
            raise RegistrationClosed
        _check(who, company)
        customer, member = CustomerId(new_id("cus")), MemberId(new_id("mem"))
        create = Create(name=company, max_sessions=self._max_sessions)
        async with self._claimed(who, customer, member):
            await self._customers.create(member, create, id=customer)
            command = Found(member=member, address=self._digests.address(who.email))
            handled = await self._roster.handle(
                customer, command, actor=member, sealed=await self._sealed(customer, member, who)
            )
        return await self._let_in(customer, member, handled.position, by="registration")

    async def accept(self, token: str, *, name: str, password: str) -> LoggedIn:
        """By an invitation's token; raises UnknownInvitation, InvitationOver, AddressTaken."""
        customer, invitation, secret = read_token(token) or _unknown()
        state = (await self._roster.load(customer)).state
        if invitation not in state.invitations and invitation not in state.over:
            raise UnknownInvitation
        offer = open_invitation(state, invitation, now=self._clock.now())
        if not same(offer.digest, self._digests.token(secret)):
            raise UnknownInvitation
        email = await self._invited(customer, invitation)
        who = Newcomer(email=email, name=name, password=password)
        return await self._accept(customer, invitation, who, by="invitation")

    async def accept_proved(self, offer: Offer, who: Newcomer) -> LoggedIn:
        """By an address that a provider vouches for, and that is invited; raises InvitationOver, AddressTaken."""
        return await self._accept(offer.customer, offer.id, who, by="oidc")

    async def _accept(self, customer: CustomerId, invitation: InvitationId, who: Newcomer, *, by: Proof) -> LoggedIn:
        _check(who)
        member = MemberId(new_id("mem"))
        offered = await self._roster.beginning(customer, InvitationCreated, invitation)
        async with self._claimed(who, customer, member):
            handled = await self._roster.handle(
                customer,
                Accept(invitation=invitation, member=member, now=self._clock.now(), identity=who.identity),
                actor=member,
                sealed=await self._sealed(customer, member, who),
            )
        if offered is not None:
            await self._people.destroy(customer, offered.keyid)
        return await self._let_in(customer, member, handled.position, by=by)

    async def _invited(self, customer: CustomerId, invitation: InvitationId) -> str:
        envelope = await self._roster.beginning(customer, InvitationCreated, invitation)
        opened = await self._people.open(envelope, invitation) if envelope else None
        if not isinstance(opened, Invitee):
            raise UnknownInvitation
        return opened.email

    async def _sealed(self, customer: CustomerId, member: MemberId, who: Newcomer) -> Sealed:
        keyid, key = await self._people.new_key(customer, member)
        return Sealed(Person(name=who.name.strip(), email=who.email.strip()), keyid, key)

    async def _let_in(
        self, customer: CustomerId, member: MemberId, position: Position | None, *, by: Proof
    ) -> LoggedIn:
        if position is not None:  # or the tokens would open nothing here for a moment
            await self._access.reached(position.sequence, timeout_s=_WAIT_S)
        return await self._logins.open(customer, member, by=by)

    @contextlib.asynccontextmanager
    async def _claimed(self, who: Newcomer, customer: CustomerId, member: MemberId) -> AsyncIterator[None]:
        """Hold what the newcomer is found by and its password while the log is told; give it back where that is
        refused. A crash leaves them to nobody: whoever the log does not know as a member is let in by nothing.
        """
        digests = [self._digests.address(who.email), *filter(None, [who.identity])]
        held: list[str] = []
        hash = await self._passwords.hash(who.password) if who.password is not None else None
        try:
            for digest in digests:
                await self._claim(digest, customer, member)
                held.append(digest)
            if hash is not None:
                await self._accounts.set_password(customer=customer, member=member, hash=hash, was=None)
            yield
        except (Conflict, InvalidInput, NotAllowed, NotFound):  # nothing was written
            for digest in held:
                await self._accounts.release(digest, member=member)
            await self._accounts.forget_password(customer, member)
            raise
        for digest in held:
            await self._accounts.settle(digest, member=member)

    async def _claim(self, digest: str, customer: CustomerId, member: MemberId) -> None:
        if await self._accounts.claim(digest, customer=customer, member=member):
            return
        holder = await self._accounts.find([digest])
        if holder is not None:
            standing = holder.member in (await self._roster.load(holder.customer)).state.members
            if standing or (holder.fresh and not holder.settled):
                raise AddressTaken
            if await self._accounts.take_over(digest, of=holder.member, customer=customer, member=member):
                return
        raise AddressTaken


def _check(who: Newcomer, company: str = "a company") -> None:
    errors = list(email_errors(who.email))
    if not company.strip() or len(company) > MAX_COMPANY or not company.isprintable():
        errors.append(FieldError("/customer_name", "length", f"a name has 1 to {MAX_COMPANY} characters"))
    if not 1 <= len(who.name.strip()) <= MAX_NAME or not who.name.isprintable():
        errors.append(FieldError("/name", "length", f"a name has 1 to {MAX_NAME} characters"))
    if who.password is not None:
        errors += password_errors(who.password, email=who.email)
    if errors:
        raise InvalidInput("the account is not valid", errors=errors)


def _unknown() -> tuple[CustomerId, InvitationId, str]:
    raise UnknownInvitation
