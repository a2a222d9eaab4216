"""Whether the participant is there, and for how long the session may go on: the timers around grace and limits.

It records what it sees and says when the session should end; the rules are in domain/grace.py.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

from chassis.clock import Clock
from contracts.events.session import EndReason, LimitReached, UserAway, UserReturned
from contracts.template_version import Limits
from runtime.adapters.recorder import SessionRecorder
from runtime.domain import grace


class Attendance:
    """The clock of one session. `end(reason)` is called when its time has come; `stop` ends it all."""

    def __init__(
        self, *, limits: Limits, recorder: SessionRecorder, clock: Clock, end: Callable[[EndReason], None]
    ) -> None:
        self._limits, self._recorder, self._clock, self._end = limits, recorder, clock, end
        self._presence: grace.Presence = grace.Awaited(clock.monotonic())
        self._silent_since: float | None = None
        self._next: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._stopped = False

    def start(self, *, claimed_at: datetime, resumed: bool) -> None:
        """Begin to watch: from the first claim for the duration, from now for the rest.

        Where another job stopped, the participant was there; they have the grace to return.
        """
        if resumed:
            self._presence = grace.Gone(self._clock.monotonic(), noted=self._recorder.run.away)
        spent_s = (self._clock.now() - claimed_at).total_seconds()
        left_s = max(0.0, self._limits.max_duration_s - spent_s)
        self._deadline = asyncio.get_running_loop().call_later(left_s, self._time_is_up)
        self._rearm()

    def stop(self) -> None:
        """Nothing falls due any more."""
        self._stopped = True
        for timer in (self._next, self._deadline):
            if timer is not None:
                timer.cancel()

    def joined(self) -> None:
        """The participant is there."""
        away_ms = grace.absence_ms(self._presence, now=self._clock.monotonic())
        self._presence = grace.joined(self._presence)
        if away_ms is not None:
            self._recorder.record(UserReturned(away_ms=away_ms))
        self._rearm()

    def left(self) -> None:
        """The participant is not there, for now or for good."""
        self._presence = grace.left(self._presence, now=self._clock.monotonic())
        self._silent_since = None
        self._rearm()

    def silent(self, silent: bool) -> None:
        """The participant is there and has said nothing for the away timeout, or speaks again."""
        now = self._clock.monotonic()
        if silent and isinstance(self._presence, grace.Here):
            self._silent_since = now
            self._recorder.record(UserAway(cause="silent"))
        elif not silent and self._silent_since is not None:
            self._recorder.record(UserReturned(away_ms=round((now - self._silent_since) * 1000)))
            self._silent_since = None

    def _rearm(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None
        following = grace.due(self._presence, self._limits)
        if following is not None and not self._stopped:
            wait_s = max(0.0, following.at - self._clock.monotonic())
            self._next = asyncio.get_running_loop().call_later(wait_s, self._fall_due)

    def _fall_due(self) -> None:
        following = grace.due(self._presence, self._limits)
        if following is None or following.at > self._clock.monotonic():
            self._rearm()
            return
        match following.what:
            case "note_absence":
                self._presence = grace.noted(self._presence)
                self._recorder.record(UserAway(cause="left"))
                self._rearm()
            case "no_show" | "user_left" as reason:
                self._end(reason)

    def _time_is_up(self) -> None:
        self._recorder.record(LimitReached(limit="duration", value=self._limits.max_duration_s))
        self._end("limit_reached")
