"""Who makes a request, and how far that one reaches."""

from typing import Literal

import msgspec

from chassis.errors import NotAllowed
from contracts.access import Role
from contracts.ids import ApiKeyId, CustomerId, TemplateId

CredentialKind = Literal["secret", "publishable", "member", "operator"]


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """An API key, a member who has logged in, an operator, or Baton itself while it seeds a deployment.

    `actor` is the id of the key, member or operator: what events are told to be of. A publishable key reaches only from
    `origins`, for `templates`. A member has a `role`, from which its scopes come, and the id of its `login`.
    """

    customer: CustomerId
    actor: str
    scopes: frozenset[str]
    livemode: bool
    kind: CredentialKind = "secret"
    origins: frozenset[str] = frozenset()
    templates: frozenset[TemplateId] = frozenset()
    role: Role | None = None
    login: str = ""

    @property
    def key(self) -> ApiKeyId:
        """The API key; empty for a person."""
        return ApiKeyId("" if self.kind in ("member", "operator") else self.actor)

    def require(self, scope: str) -> None:
        """Raise NotAllowed without this scope."""
        if scope not in self.scopes:
            raise NotAllowed(f"{self._spoken} lacks the scope {scope}")

    def grant(self, scopes: frozenset[str], *, livemode: bool) -> None:
        """Raise NotAllowed where a key would reach further than this one."""
        if beyond := sorted(scopes - self.scopes):
            raise NotAllowed(f"{self._spoken} cannot grant {', '.join(beyond)}")
        if livemode != self.livemode:
            raise NotAllowed("test mode grants no live key, nor live mode a test key")

    @property
    def _spoken(self) -> str:
        return f"the role {self.role}" if self.role else "this key"
