"""A session without a room: text in, text out, panels over an in-process transport; the same agents, the same events.

For `baton demo` where no LiveKit server can be had, and for tests. The session must have been admitted before, as any.
"""

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from livekit.agents.utils import http_context

from chassis.clock import Clock, SystemClock
from chassis.event_log import EventLog
from chassis.guarded_addresses import Permission
from chassis.ids import new_id
from chassis.key_ring import KeyRing
from chassis.object_store import ObjectStore
from contracts.commands.jobs import JobMetadata
from runtime.adapters.local_surface import LocalSurface
from runtime.adapters.models import Models, Providers, TextModels
from runtime.adapters.outside import Outside
from runtime.adapters.versions import Versions
from runtime.claim import claim
from runtime.conversation import Conversation
from runtime.serving import SOURCE, serve_session

ANSWER_S = 60.0


class NotClaimed(Exception):
    """The session is another job's, or has ended."""

    code = "not_claimed"


class RoomlessSession:
    """Entering claims and starts the session and waits for the greeting; leaving ends it, if it has not ended yet.

    `allow` lets a customer's own key be used on this very machine: for development.
    """

    def __init__(
        self,
        *,
        metadata: JobMetadata,
        log: EventLog,
        objects: ObjectStore,
        keys: KeyRing,
        surface: LocalSurface,
        providers: Providers,
        allow: Permission | None = None,
        clock: Clock | None = None,
        models: Models | None = None,
        outside: Outside | None = None,
    ) -> None:
        self._metadata, self._log, self._keys, self._surface = metadata, log, keys, surface
        self._outside = outside
        self._versions = Versions(objects=objects)
        self._clock = clock or SystemClock()
        self._models = models or TextModels(providers=providers, traceparent=metadata.traceparent, allow=allow)
        self._closing = contextlib.AsyncExitStack()
        self._conversation: Conversation | None = None
        self._said: list[str] = []

    @property
    def conversation(self) -> Conversation:
        """The running conversation."""
        assert self._conversation is not None
        return self._conversation

    async def __aenter__(self) -> Self:
        """Raises NotClaimed, and what serve_session raises."""
        claimed = await claim(
            self._log,
            self._metadata,
            clock=self._clock,
            source=SOURCE,
            job_id=new_id("roomless"),
            worker_id="roomless",
            participant="",
        )
        if claimed is None:
            raise NotClaimed(self._metadata.session)
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(http_context.open())
            serving = serve_session(
                event_log=self._log,
                versions=self._versions,
                keys=self._keys,
                metadata=self._metadata,
                claimed=claimed,
                surface=self._surface,
                models=self._models,
                clock=self._clock,
                spill_folder=None,
                outside=self._outside,
            )
            self._conversation = await stack.enter_async_context(serving)
            self._conversation.sdk_events.on_said(self._said.append)
            await self._conversation.start()
            await self._greeted()
            self._closing = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.conversation.end("user_left")
            await self.conversation.wait_ended()
        finally:
            await self._closing.aclose()

    @property
    def said(self) -> list[str]:
        """Everything that the agents said so far."""
        return list(self._said)

    async def say(self, text: str) -> list[str]:
        """Say `text` as the participant; what the agents answered, handoffs and greetings included."""
        before = len(self._said)
        async with asyncio.timeout(ANSWER_S):
            # The session may end within the answer; what was said until then is the answer.
            with contextlib.suppress(RuntimeError):
                await self.conversation.session.run(user_input=text)
        return self._said[before:]

    async def wait_ended(self) -> None:
        """Until the session's last event is recorded."""
        await self.conversation.wait_ended()

    async def _greeted(self) -> None:
        if self.conversation.greeting is not None:
            async with asyncio.timeout(ANSWER_S):
                await self.conversation.greeting
