"""Why a panel request or a panel kind file is refused, each by a name and a stable code.

Messages name panels, commands and paths. They must never quote what somebody typed or said: they reach logs.
"""

from enum import IntEnum
from typing import ClassVar


class PanelErrorCode(IntEnum):
    """The codes on the wire (application codes of LiveKit RPC begin at 2000). Never reused, never renumbered."""

    BAD_SCHEMA = 2001
    UNKNOWN_PANEL = 2002
    UNKNOWN_ACTION = 2003
    STALE_REV = 2004
    NOT_ALLOWED = 2005
    USER_DENIED = 2006
    BUSY = 2007
    TOO_LARGE = 2008
    INTERNAL = 2099


class PanelRefused(Exception):
    """A panel request that a rule refuses. `code` is what goes over the wire; `message` is fit for a model to read."""

    code: ClassVar[PanelErrorCode] = PanelErrorCode.INTERNAL

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadSchema(PanelRefused):
    """Arguments, data or the state that would follow are not what the kind's schema allows."""

    code = PanelErrorCode.BAD_SCHEMA


class UnknownPanel(PanelRefused):
    """No such kind in this session, or no such open instance."""

    code = PanelErrorCode.UNKNOWN_PANEL


class UnknownAction(PanelRefused):
    """The kind has no command or event of this name."""

    code = PanelErrorCode.UNKNOWN_ACTION


class StaleRev(PanelRefused):
    """The panel has moved on from the revision that the request was based on; the answer carries the state."""

    code = PanelErrorCode.STALE_REV


class NotAllowed(PanelRefused):
    """The sender may not do this: not the session's own user, not the current agent, or a panel not granted."""

    code = PanelErrorCode.NOT_ALLOWED


class UserDenied(PanelRefused):
    """The user said no."""

    code = PanelErrorCode.USER_DENIED


class Busy(PanelRefused):
    """Too many requests under way; the same one may be sent again, with the same `op_id`."""

    code = PanelErrorCode.BUSY


class TooLarge(PanelRefused):
    """A request, an event or a state above its bound."""

    code = PanelErrorCode.TOO_LARGE


class InternalFault(PanelRefused):
    """Something broke at the other end; its details stay there."""

    code = PanelErrorCode.INTERNAL


class BadPanelKind(Exception):
    """A panel kind file that cannot be accepted. `path` is a JSON pointer into the file, `problem` one sentence."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path or '/'}: {problem}")
        self.path = path or "/"
        self.problem = problem


def refusal(code: int, message: str) -> PanelRefused:
    """The refusal that an error answer stands for; a code of a later version reads as `InternalFault`."""
    return _BY_CODE.get(code, InternalFault)(message)


_BY_CODE: dict[int, type[PanelRefused]] = {
    kind.code: kind
    for kind in (BadSchema, UnknownPanel, UnknownAction, StaleRev, NotAllowed, UserDenied, Busy, TooLarge)
}
