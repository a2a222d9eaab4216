"""Logins: opened once a member has shown who it is, refreshed by tokens that are good once, and ended everywhere."""

import secrets
from collections.abc import Sequence

import msgspec
import structlog

from chassis.access import Access, CustomerIsSuspended
from chassis.access_tokens import TTL_S, Claims, TokenIssuer
from chassis.clock import Clock
from chassis.command_handler import CommandHandler
from chassis.errors import NotAuthenticated, NotFound
from chassis.event_log import EventLog
from chassis.ids import new_id
from chassis.recording import Origin
from config.adapters.logins import Login, LoginTable
from config.domain import login
from config.domain.login import LOGIN
from config.handlers.people.digests import Digests
from contracts.events.login import LoginEnd, Proof
from contracts.ids import CustomerId, LoginId, MemberId
from contracts.subjects import CONFIG_WRITER, LOGINS, Log, config_subject

log = structlog.get_logger(__name__)


class BadRefreshToken(NotAuthenticated):
    """A refresh token that there never was, or whose login is over."""

    code, title = "invalid_refresh_token", "The refresh token opens nothing"


class RefreshReused(NotAuthenticated):
    """A refresh token that came back: its login is over now."""

    code, title = "refresh_token_reused", "The refresh token was used before; its login has been ended"


class LoggedIn(msgspec.Struct, frozen=True, kw_only=True):
    """What a member is given: who it is to us, and tokens that are shown this once."""

    customer: CustomerId
    member: MemberId
    login: LoginId
    access_token: str
    refresh_token: str
    expires_in: int = TTL_S


class Logins:
    """Raises Unavailable and LogFault."""

    def __init__(
        self,
        *,
        table: LoginTable,
        log: EventLog,
        access: Access,
        issuer: TokenIssuer,
        digests: Digests,
        clock: Clock,
        source: str,
    ) -> None:
        self._handler = CommandHandler(log=log, log_name=Log.CONFIG, clock=clock)
        self._table, self._access, self._issuer, self._digests = table, access, issuer, digests
        self._clock, self._source = clock, source

    async def open(self, customer: CustomerId, member: MemberId, *, by: Proof) -> LoggedIn:
        """Let the member in, who has shown who it is; raises CustomerIsSuspended."""
        if self._access.suspended(customer):
            raise CustomerIsSuspended
        id, token = LoginId(new_id("lgn")), _new_token()
        await self._table.open(id, customer=customer, member=member, proof=by, token=self._digests.token(token))
        await self._tell(customer, id, login.Open(member, by), actor=member)
        return self._given(customer, member, id, token)

    async def refresh(self, token: str) -> LoggedIn:
        """New tokens for one that was not used; raises BadRefreshToken, RefreshReused, CustomerIsSuspended."""
        following = _new_token()
        found = await self._table.refresh(self._digests.token(token), by=self._digests.token(following))
        if found is None or found.how == "over":
            raise BadRefreshToken
        known = found.login
        if found.how == "reused":
            log.warning("refresh_token_reused", customer=known.customer, member=known.member, login=known.id)
            await self.end(known.customer, known.member, known.id, why="refresh_reused", actor=known.member)
            raise RefreshReused
        if self._access.suspended(known.customer):
            raise CustomerIsSuspended
        return self._given(known.customer, known.member, known.id, following)

    async def of(
        self, customer: CustomerId, member: MemberId, *, after: str = "", limit: int = 1000
    ) -> Sequence[Login]:
        """The member's open logins by id, those after the id `after`."""
        return await self._table.of(customer, member, after=after, limit=limit)

    async def end(self, customer: CustomerId, member: MemberId, id: LoginId, *, why: LoginEnd, actor: str) -> None:
        """End one login of the member; twice is safe. Raises NotFound."""
        if not await self._table.end(id, customer=customer, member=member, why=why):
            raise NotFound("no such login")
        await self._tell(customer, id, login.End(why), actor=actor)

    async def end_all(
        self, customer: CustomerId, member: MemberId, *, why: LoginEnd, actor: str, but: LoginId | None = None
    ) -> None:
        """End every login of the member, but maybe one."""
        for one in await self._table.of(customer, member):
            if one.id != but:
                await self.end(customer, member, one.id, why=why, actor=actor)

    async def _tell(self, customer: CustomerId, id: LoginId, command: login.Command, *, actor: str) -> None:
        origin = Origin(customer=customer, subject=id, writer=CONFIG_WRITER, source=self._source)
        subject = config_subject(customer, LOGINS, id)
        await self._handler.handle(subject, LOGIN, command, origin=origin, actor=actor)

    def _given(self, customer: CustomerId, member: MemberId, id: LoginId, refresh_token: str) -> LoggedIn:
        claims = Claims(member=member, customer=customer, login=id)
        access_token = self._issuer.issue(claims, now=self._clock.now())
        return LoggedIn(
            customer=customer, member=member, login=id, access_token=access_token, refresh_token=refresh_token
        )


def _new_token() -> str:
    return f"brt_{secrets.token_urlsafe(32)}"
