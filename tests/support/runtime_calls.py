"""A running session without a room, with everything a test wants to look at."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from tests.support.runtime_sessions import Admitted, PanelPage, an_admitted_session
from tests.support.scripted_models import Script, ScriptedModels

from chassis.event_log import EventLog
from chassis.memory.event_log import MemoryEventLog
from chassis.memory.object_store import MemoryObjectStore
from chassis.recording import open_personal
from contracts.commands.jobs import JobMetadata
from contracts.envelope import Envelope, decode_commit
from contracts.registry import EventData, Personal, decode_data
from contracts.subjects import Log
from contracts.template_version import TemplateVersion
from runtime.adapters.local_surface import LocalSurface
from runtime.adapters.models import Providers
from runtime.adapters.outside import Outside
from runtime.roomless import RoomlessSession


class ACall:
    """A session, its page and its log."""

    def __init__(
        self, *, session: Admitted, log: EventLog, page: PanelPage, surface: LocalSurface, talk: RoomlessSession
    ) -> None:
        self.session, self.log, self.page, self.surface, self.talk = session, log, page, surface, talk

    async def events(self) -> list[Envelope]:
        """The `run` events in the log."""
        return await run_events(self.log, self.session)

    async def facts(self, type: str) -> list[tuple[EventData, Personal | None]]:
        """Those of one type, opened."""
        return [
            (decode_data(event), open_personal(event, self.session.key) if event.personal else None)
            for event in await self.events()
            if event.type == type
        ]


async def run_events(log: EventLog, session: Admitted) -> list[Envelope]:
    """The `run` events of a session."""
    found: list[Envelope] = []
    async for commit in log.read(Log.SESSIONS, session.run_subject):
        found += decode_commit(commit.payload)
    return found


@contextlib.asynccontextmanager
async def a_call(
    script: Script,
    *,
    version: TemplateVersion | None = None,
    log: MemoryEventLog | None = None,
    page: PanelPage | None = None,
    given: Mapping[str, Any] | None = None,
    outside: Callable[[JobMetadata], Outside] | None = None,
    models: ScriptedModels | None = None,
    **options: Any,
) -> AsyncIterator[ACall]:
    """A session that has been greeted; it ends with the context. `given` is what `an_admitted_session` takes."""
    log, objects, page = log or MemoryEventLog(), MemoryObjectStore(), page or PanelPage()
    session = await an_admitted_session(log, objects, version, **(given or {}))
    surface = LocalSurface(page)
    async with RoomlessSession(
        metadata=session.metadata,
        log=log,
        objects=objects,
        keys=session.keys(),
        surface=surface,
        providers=Providers(),
        models=models or ScriptedModels(script),
        outside=outside(session.metadata) if outside else None,
        **options,
    ) as talk:
        yield ACall(session=session, log=log, page=page, surface=surface, talk=talk)
