"""The sessions that are not closed yet, in memory: rebuilt from index and log at start, then kept by following the log.

Every gateway has all of them. They are good for finding what is to be done; before anything is appended, the session's
streams are read again.
"""

import asyncio
from collections.abc import Callable

import structlog

from chassis.event_log import Commit, EventLog
from chassis.log_fold import LogFold
from chassis.postgres.faults import is_passing
from chassis.postgres.pool import Pool
from contracts.ids import CustomerId, SessionId
from contracts.subjects import Log, Writer
from gateway.adapters.session_streams import SessionStreams, evolve_commit
from gateway.domain.view import SessionView
from gateway.read_models.session_index import OpenSession, open_sessions

log = structlog.get_logger(__name__)
_LOADING_AT_ONCE = 16
_RETRY_S = 0.5

Heard = Callable[[SessionView], None]


class OpenSessions(LogFold):
    """Views by session id. `on_open` hears of each session that takes a slot, `on_over` of each that no more does."""

    def __init__(self, *, event_log: EventLog, pool: Pool, streams: SessionStreams) -> None:
        super().__init__(log=event_log, name=Log.SESSIONS)
        self._pool, self._streams = pool, streams
        self._views: dict[SessionId, SessionView] = {}
        self.on_open: Heard = _nobody
        self.on_over: Heard = _nobody

    def get(self, session: SessionId) -> SessionView | None:
        """The view of a session that is not closed."""
        return self._views.get(session)

    def views(self) -> list[SessionView]:
        """All, as of now."""
        return list(self._views.values())

    def take(self, view: SessionView) -> None:
        """Learn a view that somebody read or made. One that lacks anything of ours changes nothing: the log follows."""
        known = self._views.get(view.session)
        if known is not None and (view.admission_n < known.admission_n or view.run_n < known.run_n):
            return
        if known is None and view.over:
            return
        self._keep(known, view)

    async def follow(self) -> None:
        """Rebuild, then follow the log for ever."""
        after, sessions = await self._indexed()
        await self._load(sessions)
        await self._follow(after=after)

    async def _indexed(self) -> tuple[int, list[OpenSession]]:
        """What the index says; asked until it answers, since a start may be long or the database away for a moment."""
        incarnation = await self._log.incarnation(Log.SESSIONS)
        while True:
            try:
                return await open_sessions(self._pool, incarnation=incarnation)
            except Exception as error:
                if not is_passing(error):
                    raise
                log.warning("open_sessions_not_read", error=type(error).__name__)
            await asyncio.sleep(_RETRY_S)

    async def _load(self, sessions: list[OpenSession]) -> None:
        for start in range(0, len(sessions), _LOADING_AT_ONCE):
            chunk = sessions[start : start + _LOADING_AT_ONCE]
            for view in await asyncio.gather(*(self._streams.load(one.customer, one.session) for one in chunk)):
                if not (view.state.admission.closed or view.state.admission.refused):
                    self._keep(None, view)

    def _apply(self, commit: Commit) -> None:
        _, _, customer, session, writer = commit.subject.split(".")
        if writer == Writer.LATE:
            return
        id = SessionId(session)
        known = self._views.get(id)
        if known is None and writer != Writer.ADMISSION:
            return
        view = evolve_commit(known or SessionView(customer=CustomerId(customer), session=id), commit)
        if known is None and view.state.admission.requested is None:
            # The rest of a session that was closed, or one that was refused before it began.
            if view.over:
                self.on_over(view)
            return
        self._keep(known, view)

    def _keep(self, known: SessionView | None, view: SessionView) -> None:
        admission = view.state.admission
        if admission.closed or admission.refused:
            self._views.pop(view.session, None)
        else:
            self._views[view.session] = view
        if known is None and not view.over:
            self.on_open(view)
        if view.over and (known is None or not known.over):
            self.on_over(view)


def _nobody(_view: SessionView) -> None:
    """Nobody listens yet."""
