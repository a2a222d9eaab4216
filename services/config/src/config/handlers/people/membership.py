"""What becomes of members: another role, another password, the end, and that nobody knows them any more."""

from collections.abc import Callable

from chassis.command_handler import Handled
from chassis.errors import Conflict, InvalidInput, NotAuthenticated
from chassis.principal import Principal
from config.adapters.accounts import Accounts
from config.adapters.attempts import Attempts
from config.domain.credentials import password_errors
from config.domain.members import ChangePassword, ChangeRole, Erase, Remove
from config.domain.membership import State
from config.handlers.people.invitations import acting_role
from config.handlers.people.logins import Logins
from config.handlers.people.passwords import Passwords
from config.handlers.people.roster import Roster
from config.handlers.people.sealed_people import SealedPeople
from contracts.access import Role
from contracts.events.member import MemberJoined
from contracts.ids import LoginId, MemberId

Check = Callable[[int], None] | None


class WrongPassword(NotAuthenticated):
    """The password that was given as the present one is not."""

    status, code, title = 403, "wrong_password", "The current password is not right"


class NoPassword(Conflict):
    """The member logs in by OIDC, or the password was changed in this very moment."""

    code, title = "no_password", "There is no such password to change"


class Membership:
    """Raises the deciders' refusals, Unavailable and LogFault."""

    def __init__(
        self,
        *,
        roster: Roster,
        people: SealedPeople,
        accounts: Accounts,
        passwords: Passwords,
        logins: Logins,
        attempts: Attempts,
    ) -> None:
        self._roster, self._people, self._accounts, self._passwords = roster, people, accounts, passwords
        self._logins, self._attempts = logins, attempts

    async def change_role(
        self, principal: Principal, id: MemberId, role: Role, *, check: Check = None
    ) -> Handled[State]:
        """Give a member another role; raises NotFound, OwnersOnly, LastOwner and what `check` raises."""
        command = ChangeRole(id, role, acting_role(principal))
        return await self._roster.handle(principal.customer, command, actor=principal.actor, check=check)

    async def remove(self, principal: Principal, id: MemberId) -> None:
        """End a membership, then its logins and what it is found by; raises NotFound, OwnersOnly, LastOwner."""
        command = Remove(id, acting_role(principal))
        await self._roster.handle(principal.customer, command, actor=principal.actor)
        await self._logins.end_all(principal.customer, id, why="member_removed", actor=principal.actor)
        await self._accounts.forget(principal.customer, id)

    async def erase(self, principal: Principal, id: MemberId) -> None:
        """Destroy the key that opens what a former member was called; twice is safe. Raises NotFound, StillMember."""
        acting_role(principal)
        await self._roster.handle(principal.customer, Erase(id), actor=principal.actor)
        joined = await self._roster.beginning(principal.customer, MemberJoined, id)
        if joined is not None:
            await self._people.destroy(principal.customer, joined.keyid)

    async def change_password(self, principal: Principal, email: str, *, current: str, new: str) -> None:
        """Replace the member's own password, and end its other logins.

        Raises InvalidInput, WrongPassword, NoPassword, TooManyAttempts, PasswordsBusy.
        """
        member = MemberId(principal.actor)
        if errors := list(password_errors(new, email=email, pointer="/new")):
            raise InvalidInput("the new password is not valid", errors=errors)
        await self._attempts.count("address", member)
        known = await self._accounts.password(principal.customer, member)
        if known is None:
            raise NoPassword
        if not await self._passwords.good(known, current):
            raise WrongPassword
        await self._attempts.forgive("address", member)
        hash = await self._passwords.hash(new)
        if not await self._accounts.set_password(customer=principal.customer, member=member, hash=hash, was=known):
            raise NoPassword
        await self._roster.handle(principal.customer, ChangePassword(member), actor=member)
        await self._logins.end_all(
            principal.customer, member, why="password_changed", actor=member, but=LoginId(principal.login)
        )
