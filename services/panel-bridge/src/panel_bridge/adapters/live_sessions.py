"""Asking the job that serves a session, over NATS. Nothing of a command is kept or logged."""

import msgspec

from chassis.errors import Conflict, Unavailable
from chassis.nats.connection import Client
from chassis.nats.requests import NoAnswer, RequestRefused, ask
from contracts.commands.live import LiveAnswer, LiveDone, LiveRefused, LiveRequest
from contracts.ids import SessionId
from contracts.subjects import live_session_subject

_TIMEOUT_S = 5.0
_WRONG = frozenset({"BAD_SCHEMA", "UNKNOWN_ACTION", "TOO_LARGE"})
"""Refusals of the request itself; all others are of the panel's or session's state."""


class NoLiveJob(Conflict):
    """Nobody serves the session now: it has not begun, has ended, or is between two jobs."""

    code, title = "no_live_job", "The session has no live job"


class NoTimelyAnswer(Unavailable):
    """The job did not answer in time; the command may have been carried out. The same idempotency key is safe."""

    code, title = "no_timely_answer", "The live job did not answer in time"


class PanelCommandRefused(Conflict):
    """The panel's or the session's state said no: `code` is theirs, such as STALE_REV."""

    title = "The panel refused the command"

    def __init__(self, refused: LiveRefused) -> None:
        super().__init__(refused.message)
        self.code = refused.code


class PanelCommandWrong(PanelCommandRefused):
    """The panel or the job said no to the command itself: `code` is theirs."""

    status, code = 422, "invalid_command"


class LiveSessions:
    """The live jobs, each by its session."""

    def __init__(self, *, client: Client) -> None:
        self._client = client

    async def command(self, session: SessionId, request: LiveRequest) -> LiveDone:
        """Raises NoLiveJob, NoTimelyAnswer (after 5 s), PanelCommandRefused."""
        try:
            answer: LiveAnswer = await ask(
                self._client,
                live_session_subject(session),
                request,
                LiveDone | LiveRefused,
                timeout_s=_TIMEOUT_S,
            )
        except NoAnswer as error:
            raise (NoLiveJob if error.nobody else NoTimelyAnswer) from error
        except RequestRefused as error:
            raise NoTimelyAnswer("the live job failed to answer") from error
        if isinstance(answer, LiveRefused):
            raise (PanelCommandWrong if answer.code.upper() in _WRONG else PanelCommandRefused)(answer)
        return answer


def raw(args: dict[str, object]) -> msgspec.Raw:
    """Arguments as they travel."""
    return msgspec.Raw(msgspec.json.encode(args))
