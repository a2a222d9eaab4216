"""How a session ends, always in this order: last words, final panel snapshots, models closed with their last usage,
the digest, and `session.ended` (or `failed`) as the last event.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import structlog
from livekit.agents import AgentSession

from chassis.clock import Clock
from chassis.tasks import Tasks
from contracts.events.session import EndReason, SessionEnded, SessionFailed
from runtime.adapters.recorder import SessionRecorder
from runtime.surface import Surface

log = structlog.get_logger()

LAST_WORDS_S = 15.0
CLOSE_S = 10.0

LAST_WORDS: dict[str, str] = {
    "limit_reached": "I am sorry, our time for this session is up. Thank you, and goodbye.",
    "budget_reached": "I am sorry, we have used up what this session may use. Thank you, and goodbye.",
    "operator_ended": "This session is being ended now. Thank you, and goodbye.",
    "customer_suspended": "I am sorry, this service is not available any more. Thank you, and goodbye.",
    "drained": "I am sorry, I have to end this session now. Goodbye.",
}
"""What the agent says where the end comes from outside the conversation."""


class Ending:
    """The end of one session; it begins once, whoever asks first.

    `begin` is called first, at once; `conclude` records what the end leaves behind; `close_models` closes them.
    """

    def __init__(
        self,
        *,
        recorder: SessionRecorder,
        surface: Surface,
        clock: Clock,
        tasks: Tasks,
        claimed_at: datetime,
        begin: Callable[[], None],
        conclude: Callable[[], None],
        close_models: Callable[[], Awaitable[None]],
    ) -> None:
        self._recorder, self._surface, self._clock, self._tasks = recorder, surface, clock, tasks
        self._claimed_at = claimed_at
        self._begin, self._conclude, self._close_models = begin, conclude, close_models
        self._winding_up: asyncio.Task[None] | None = None
        self._over = asyncio.Event()
        self.session: AgentSession[Any] | None = None
        """LiveKit's, from the moment it exists."""

    @property
    def begun(self) -> bool:
        """Whether the end has begun."""
        return self._winding_up is not None or self._over.is_set()

    async def wait(self) -> None:
        """Until the last event is recorded, or the session was let go of."""
        await self._over.wait()

    def end(self, reason: EndReason) -> None:
        """End politely."""
        self._start(reason)

    def fail(self, code: str, component: str) -> None:
        """End because something broke."""
        self._start(SessionFailed(code=code, component=component))

    async def abandon(self) -> None:
        """Another job has the session: be silent at once, and leave the log as it is."""
        self._recorder.stop()
        self._begin()
        if self.session is not None:
            self.session.interrupt(force=True)
            await self._close()
        self._over.set()

    def _start(self, how: EndReason | SessionFailed) -> None:
        if not self.begun:
            self._winding_up = self._tasks.start(self._wind_up(how), name="wind up")

    async def _wind_up(self, how: EndReason | SessionFailed) -> None:
        try:
            self._begin()
            if isinstance(how, str):
                await self._say_last_words(how)
            self._conclude()
            await self._close()
        finally:
            self._recorder.end(how if isinstance(how, SessionFailed) else self._ended(how))
            self._over.set()

    def _ended(self, reason: EndReason) -> SessionEnded:
        spent = self._clock.now() - self._claimed_at
        return SessionEnded(reason=reason, duration_ms=max(0, round(spent.total_seconds() * 1000)))

    async def _say_last_words(self, reason: EndReason) -> None:
        words = LAST_WORDS.get(reason)
        if words is None or self.session is None or not self._surface.present:
            return
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                await self.session.interrupt()
                await self.session.say(words, allow_interruptions=False)
        except (TimeoutError, RuntimeError) as error:
            # It is closed already, or its voice does not answer: the end goes on without words.
            log.warning("last_words_unsaid", reason=reason, fault=type(error).__name__)

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_S):
                if self.session is not None:
                    await self.session.aclose()
                await self._close_models()
        except TimeoutError:
            log.warning("models_not_closed", timeout_s=CLOSE_S)
