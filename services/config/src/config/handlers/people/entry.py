"""Showing who one is: by password. A wrong password, an unknown address and a removed member get one answer, in one
time.
"""

from chassis.errors import NotAuthenticated, NotFound
from config.adapters.accounts import Accounts
from config.adapters.attempts import Attempts
from config.handlers.people.digests import Digests
from config.handlers.people.logins import LoggedIn, Logins
from config.handlers.people.passwords import Passwords
from config.handlers.people.roster import Roster


class BadCredentials(NotAuthenticated):
    """No such address, or another password."""

    code, title = "bad_credentials", "The address or the password is not right"


class Entry:
    """Logs members in. Raises Unavailable and LogFault."""

    def __init__(
        self,
        *,
        roster: Roster,
        accounts: Accounts,
        attempts: Attempts,
        passwords: Passwords,
        logins: Logins,
        digests: Digests,
    ) -> None:
        self._roster, self._accounts, self._attempts, self._passwords = roster, accounts, attempts, passwords
        self._logins, self._digests = logins, digests

    async def by_password(self, email: str, password: str) -> LoggedIn:
        """Let in who knows the password; raises BadCredentials, TooManyAttempts, PasswordsBusy, CustomerIsSuspended."""
        digest = self._digests.address(email)
        await self._attempts.count("address", digest)
        account = await self._accounts.find([digest])
        hash = account.hash if account else None
        if not await self._passwords.good(hash, password) or account is None or hash is None:
            raise BadCredentials
        await self._attempts.forgive("address", digest)
        try:
            await self._roster.member(account.customer, account.member)
        except NotFound:  # removed a moment ago
            raise BadCredentials from None
        if self._passwords.outdated(hash):
            renewed = await self._passwords.hash(password)
            await self._accounts.set_password(customer=account.customer, member=account.member, hash=renewed, was=hash)
        given = await self._logins.open(account.customer, account.member, by="password")
        await self._check_again(given, password, was=hash)
        return given

    async def _check_again(self, given: LoggedIn, password: str, *, was: str) -> None:
        """Raise BadCredentials where the password was changed, and all logins ended, while this one was opened."""
        customer, member = given.customer, given.member
        now = await self._accounts.password(customer, member)
        if now != was and not await self._passwords.good(now, password):
            await self._logins.end(customer, member, given.login, why="password_changed", actor=member)
            raise BadCredentials
