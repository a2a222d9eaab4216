"""Refusals: a rule said no. Expected, part of the contract, each with a stable code.

    Refusal ─┬─ InvalidInput      400  the request itself is wrong
             ├─ NotAuthenticated  401
             ├─ NotAllowed        403
             ├─ NotFound          404
             ├─ Conflict          409  the state does not allow it
             ├─ TooLarge          413  a body over the limit
             ├─ TooMany           429  a limit; `retry_after_s` says when to ask again
             └─ Unavailable       503  a part is out of reach; trying again may help

A domain defines its own beside the rule, as a subclass of one of these. Faults are everything else.
"""

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """One mistake in a request: where (JSON Pointer), which (stable code), and in words."""

    pointer: str
    code: str
    detail: str


class Refusal(Exception):
    """A rule said no. Subclasses set `status` (HTTP) and `code`."""

    status = 400
    code = "refused"
    title = "The request was refused"
    retry_after_s: int | None = None

    def __init__(self, detail: str = "", *, errors: list[FieldError] | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = errors or []


class InvalidInput(Refusal):
    """The request itself is wrong."""

    status, code, title = 400, "invalid_input", "The request is not valid"


class NotAuthenticated(Refusal):
    """No credential, or one that opens nothing."""

    status, code, title = 401, "not_authenticated", "A valid credential is required"


class NotAllowed(Refusal):
    """A credential that does not reach this far."""

    status, code, title = 403, "not_allowed", "This is not allowed"


class NotFound(Refusal):
    """No such thing, or not yours."""

    status, code, title = 404, "not_found", "No such thing"


class Conflict(Refusal):
    """The thing's state does not allow it."""

    status, code, title = 409, "conflict", "The state of the thing does not allow this"


class TooLarge(Refusal):
    """More than is taken at once."""

    status, code, title = 413, "too_large", "The body is too large"


class TooMany(Refusal):
    """A limit was met."""

    status, code, title = 429, "too_many", "A limit was reached"
    retry_after_s: int | None = 1


class Unavailable(Refusal):
    """A part is out of reach."""

    status, code, title = 503, "unavailable", "A part of the service is out of reach"
    retry_after_s: int | None = 1
