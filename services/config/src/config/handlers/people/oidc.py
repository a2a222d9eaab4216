"""Showing who one is by OIDC with PKCE (RFC 7636), beside passwords.

Nothing of a login that was begun is kept but the digest of its state: nonce and code verifier are made from the state
and a key of ours, so that they are the same ones in whatever process the person comes back to.

An account is found by the provider's own id of the person; the first time by a verified e-mail address, of a member or
of somebody invited, and of nobody else. That first time ends the account's password and its logins: nobody had proved
to own the address before, and whoever registered with another's address must not stay in (ADR 15).
"""

import base64
import hashlib
import secrets
from datetime import datetime
from typing import Protocol

import msgspec

from chassis.clock import Clock
from chassis.errors import NotAllowed, NotAuthenticated
from chassis.sealing import derive_key, keyed_digest
from config.adapters.accounts import Account, Accounts
from config.adapters.oidc_states import OidcStates
from config.adapters.openid import Identity, OpenIdProvider
from config.domain.members import ChangePassword, LinkIdentity
from config.handlers.people.digests import Digests
from config.handlers.people.invitations import Offer
from config.handlers.people.joining import Joining, Newcomer
from config.handlers.people.logins import LoggedIn, Logins
from config.handlers.people.roster import Roster


class OidcOff(NotAllowed):
    """The deployment has no identity provider."""

    code, title = "oidc_off", "This deployment has no identity provider"


class BadState(NotAuthenticated):
    """A state that was never begun, has expired, or was used before."""

    code, title = "invalid_state", "This login was not begun here, took too long, or was finished before"


class NotInvited(NotAllowed):
    """The provider vouches for somebody whom nobody invited, or for no address."""

    code, title = "not_invited", "There is no account, and no open invitation, of a verified address of yours"


class Begun(msgspec.Struct, frozen=True):
    """A login that was begun: where to send the person, and the state with which they come back."""

    url: str
    state: str


class FindOffer(Protocol):
    """Whose open invitation an address's digest has; None where it has none."""

    async def __call__(self, address: str, now: datetime) -> Offer | None: ...


class OidcEntry:
    """Logs in by the provider. Raises ProviderUnavailable, ProviderRefused, Unavailable, LogFault."""

    def __init__(
        self,
        *,
        provider: OpenIdProvider | None,
        states: OidcStates,
        key: bytes,
        accounts: Accounts,
        roster: Roster,
        joining: Joining,
        logins: Logins,
        digests: Digests,
        offer_to: FindOffer,
        clock: Clock,
    ) -> None:
        self._provider, self._states, self._accounts, self._roster = provider, states, accounts, roster
        self._joining, self._logins, self._digests, self._offer_to = joining, logins, digests, offer_to
        self._verifiers, self._nonces = derive_key(key, "oidc verifiers"), derive_key(key, "oidc nonces")
        self._clock = clock

    async def begin(self) -> Begun:
        """A login for whoever comes back within ten minutes; raises OidcOff."""
        if self._provider is None:
            raise OidcOff
        state = secrets.token_urlsafe(32)
        challenge = _unpadded(hashlib.sha256(self._verifier(state).encode()).digest())
        url = await self._provider.authorization_url(state=state, nonce=self._nonce(state), challenge=challenge)
        await self._states.begin(self._digests.token(state))
        return Begun(url, state)

    async def finish(self, *, code: str, state: str) -> LoggedIn:
        """Let in who came back; raises OidcOff, BadState, NotInvited, OtherIdentity, CustomerIsSuspended."""
        if self._provider is None:
            raise OidcOff
        if not await self._states.take(self._digests.token(state)):
            raise BadState
        who = await self._provider.redeem(code, verifier=self._verifier(state), nonce=self._nonce(state))
        identity = self._digests.identity(self._provider.issuer, who.subject)
        known = await self._member(identity)
        if known is not None:
            return await self._logins.open(known.customer, known.member, by="oidc")
        if not who.email:
            raise NotInvited
        return await self._first_time(who, identity)

    async def _first_time(self, who: Identity, identity: str) -> LoggedIn:
        address = self._digests.address(who.email)
        known = await self._member(address)
        if known is not None:
            await self._link(known, identity)
            return await self._logins.open(known.customer, known.member, by="oidc")
        offer = await self._offer_to(address, self._clock.now())
        if offer is None:
            raise NotInvited
        name = who.name if who.name.isprintable() and who.name.strip() else who.email.partition("@")[0]
        return await self._joining.accept_proved(offer, Newcomer(email=who.email, name=name[:100], identity=identity))

    async def _member(self, digest: str) -> Account | None:
        """The account that a digest leads to, if its member still is one."""
        account = await self._accounts.find([digest])
        if account is None or account.member not in (await self._roster.load(account.customer)).state.members:
            return None
        return account

    async def _link(self, account: Account, identity: str) -> None:
        customer, member = account.customer, account.member
        await self._roster.handle(customer, LinkIdentity(member, identity), actor=member)
        if account.hash is not None:
            await self._accounts.forget_password(customer, member)
            await self._roster.handle(customer, ChangePassword(member, removed=True), actor=member)
        await self._logins.end_all(customer, member, why="identity_linked", actor=member)
        if not await self._accounts.claim(identity, customer=customer, member=member):
            holder = await self._accounts.find([identity])
            if holder is not None and holder.member != member:
                await self._accounts.take_over(identity, of=holder.member, customer=customer, member=member)
        await self._accounts.settle(identity, member=member)

    def _verifier(self, state: str) -> str:
        return keyed_digest(self._verifiers, state.encode())

    def _nonce(self, state: str) -> str:
        return keyed_digest(self._nonces, state.encode())


def _unpadded(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
