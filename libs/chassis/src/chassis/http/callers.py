"""Who makes a request, and whether the handler is open to that one: asked in one place, whoever asks."""

from collections.abc import Mapping
from typing import Any, cast

from chassis.access import LetsIn, Mode
from chassis.errors import InvalidInput, NotAllowed, NotAuthenticated, Unavailable
from chassis.principal import Principal

MODE_HEADER = "Baton-Mode"
"""Whether a member works in `test` (as where it is absent) or in `live`; a key has its own mode."""


_PEOPLE = {"member": "members who have logged in, not for keys", "operator": "operators"}


class BadMode(InvalidInput):
    """The header says neither."""

    code, title = "invalid_mode", f"{MODE_HEADER} is test or live"


def caller(access: LetsIn, headers: Mapping[str, str], opt: Mapping[str, Any]) -> Principal:
    """The caller of a handler with this `opt` (see `create_app`), by headers in lower case.

    Raises NotAuthenticated, NotAllowed, BadMode, and Unavailable while credentials are still being read.
    """
    scheme, _, credential = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not credential:
        raise NotAuthenticated("send a credential as Authorization: Bearer <it>")
    if not access.caught_up.is_set():
        raise Unavailable("credentials are still being read")
    mode = headers.get(MODE_HEADER.lower(), "test")
    if mode not in ("test", "live"):
        raise BadMode
    principal = access.authenticate(credential.strip(), mode=cast("Mode", mode))
    for kind, told in _PEOPLE.items():
        if opt.get(kind):
            if principal.kind != kind:
                raise NotAllowed(f"this is for {told}")
            return principal
    principal.require(opt["scope"])
    if principal.kind == "publishable" and not opt.get("publishable"):
        raise NotAllowed("a publishable key starts sessions only")
    return principal
