"""Whom every service lets in: API keys, members, and the standing of their customers, folded in memory from the CONFIG
log.

Nothing to rebuild, nothing to lose, and nobody to ask: a key that is revoked, a role that is changed, a member who is
removed, a login that is ended, a customer that is suspended acts at once, everywhere.
"""

import asyncio
from typing import Literal, Protocol

from chassis.access_tokens import TokenVerifier
from chassis.api_keys import ApiKeys
from chassis.clock import Clock
from chassis.errors import NotAllowed, NotAuthenticated
from chassis.event_log import Commit, EventLog
from chassis.log_fold import LogFold
from chassis.members import Members
from chassis.principal import Principal
from contracts.access import scopes_of
from contracts.envelope import Envelope, decode_commit
from contracts.events.customer import CustomerResumed, CustomerSuspended
from contracts.ids import CustomerId
from contracts.registry import decode_data
from contracts.subjects import LOGINS, MEMBERS, Log

Mode = Literal["test", "live"]

_KINDS = frozenset({"api_key", "customer", MEMBERS, LOGINS})


class LetsIn(Protocol):
    """Whom an application lets in. `caught_up` is set once all credentials are known."""

    caught_up: asyncio.Event

    def authenticate(self, credential: str, *, mode: Mode = "test") -> Principal:
        """Whose credential this is; raises NotAuthenticated, NotAllowed."""


class CustomerIsSuspended(NotAllowed):
    """An operator has suspended the customer."""

    code, title = "customer_suspended", "This customer is suspended"


class Access(LogFold):
    """All credentials of all customers, as far as `follow` has read. `tokens` verifies those of members."""

    def __init__(
        self, *, log: EventLog, pepper: bytes, tokens: TokenVerifier | None = None, clock: Clock | None = None
    ) -> None:
        super().__init__(log=log, name=Log.CONFIG)
        self.keys, self.members = ApiKeys(pepper=pepper, clock=clock), Members()
        self._tokens = tokens or TokenVerifier({})
        self._suspended: set[CustomerId] = set()

    def authenticate(self, credential: str, *, mode: Mode = "test") -> Principal:
        """Whose credential this is; `mode` is what a member works in, a key has its own.

        Raises NotAuthenticated (KeyExpired, TokenExpired) for one that is malformed, unknown, revoked or expired, and
        CustomerIsSuspended.
        """
        is_token = credential.count(".") == 2
        principal = self._member(credential, mode) if is_token else self.keys.authenticate(credential)
        if principal.customer in self._suspended:
            raise CustomerIsSuspended
        return principal

    def suspended(self, customer: CustomerId) -> bool:
        """Whether the customer is suspended."""
        return customer in self._suspended

    def _member(self, token: str, mode: Mode) -> Principal:
        told = self._tokens.verify(token)
        standing = self.members.find(told.member)
        if standing is None or standing.customer != told.customer or self.members.ended(told.login):
            raise NotAuthenticated("the member has logged out or is none any more")
        return Principal(
            customer=told.customer,
            actor=told.member,
            scopes=scopes_of(standing.role),
            livemode=mode == "live",
            kind="member",
            role=standing.role,
            login=told.login,
        )

    def _apply(self, commit: Commit) -> None:
        if commit.subject.split(".")[2] in _KINDS:
            for envelope in decode_commit(commit.payload):
                self._evolve(envelope)

    def _evolve(self, envelope: Envelope) -> None:
        event = decode_data(envelope)
        match event:
            case CustomerSuspended():
                self._suspended.add(envelope.customer)
            case CustomerResumed():
                self._suspended.discard(envelope.customer)
            case _:
                self.keys.apply(envelope, event)
                self.members.apply(envelope, event)
