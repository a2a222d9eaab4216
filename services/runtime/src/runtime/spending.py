"""Ends a session politely once its budget is spent, by the session's own record of what it used.

Usage is recorded when a model has reported it, after the fact: what is beyond the budget then is at most what one turn
uses. Nothing is asked of anyone, so that it holds while ledger and gateway are down.
"""

from collections.abc import Callable

import structlog

from contracts.events.session import EndReason, LimitReached
from contracts.events.usage import Usage
from contracts.registry import EventData
from runtime.adapters.recorder import SessionRecorder
from runtime.domain.budget import Meter

log = structlog.get_logger()


class Spending:
    """Hears of every fact that is recorded; `end(reason)` is called once, unless the session is `ending` anyway."""

    def __init__(
        self,
        *,
        meter: Meter,
        recorder: SessionRecorder,
        ending: Callable[[], bool],
        end: Callable[[EndReason], None],
    ) -> None:
        self._meter, self._recorder, self._ending, self._end = meter, recorder, ending, end
        self._told = False

    def recorded(self, data: EventData) -> None:
        """One fact was recorded."""
        if not isinstance(data, Usage):
            return
        self._meter = self._meter.after([data])
        if not self._meter.exhausted or self._told or self._ending():
            return
        self._told = True
        log.info("budget_reached", spent_nano=self._meter.spent_nano, budget_nano=self._meter.budget_nano)
        self._recorder.record(LimitReached(limit="budget", value=self._meter.budget_nano))
        self._end("budget_reached")
