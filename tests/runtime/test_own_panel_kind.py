"""A panel kind of a customer's own, from its file to a live session: nothing is deployed in between."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from livekit.agents.llm import ChatContext
from nats.aio.client import Client
from tests.support.config_api import a_config_api
from tests.support.readers import calling
from tests.support.runtime_sessions import Admitted, PanelPage, an_admitted_session
from tests.support.scripted_models import Reply, ScriptedModels, call
from tests.support.until import until

from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.object_store import NatsObjectStore
from chassis.nats.requests import serve
from config.http.examples import EXAMPLES
from contracts.commands.keys import OpenKey
from contracts.commands.live import LiveRequest
from contracts.ids import CustomerId, PanelId
from contracts.subjects import OPEN_KEY, TEMPLATE_VERSIONS_BUCKET, live_session_subject
from contracts.template_version import TemplateVersion
from panel_bridge.bootstrap import migrate, open_service
from panel_bridge.settings import Settings
from runtime.adapters.local_surface import LocalSurface
from runtime.adapters.models import Providers
from runtime.roomless import RoomlessSession

pytestmark = pytest.mark.integration

POLL: dict[str, Any] = EXAMPLES["write_panel_kind"]["request"]
HOST = {"name": "Host", "instructions": "Ask.", "greeting": "Hello.", "panels": ["poll"]}
TEMPLATE = {"name": "Polls", "agents": ["host"], "initial_agent": "host", "panels": ["poll"]}


async def published(api: httpx.AsyncClient) -> TemplateVersion:
    """A kind, an agent that uses it, and a version of a template with both."""
    for path, body in (("panel-kinds/poll", POLL), ("agents/host", HOST), ("templates/polls", TEMPLATE)):
        assert (await api.put(f"/api/{path}", json=body)).status_code == 200
    assert (await api.post("/api/templates/polls/publish")).status_code == 200
    version = (await api.get("/api/templates/polls/versions/1")).json()["content"]
    return msgspec.convert(version, TemplateVersion)


def asks(context: ChatContext, tools: list[str]) -> Reply:
    """Opens a poll, and reads the vote when it is asked."""
    assert {"open_poll", "control_poll", "read_votes", "close_panel"} <= set(tools)
    last = context.items[-1]
    if last.type == "function_call_output":
        return f"Read: {last.output}" if last.name == "read_votes" else "Please vote."
    opened = any(item.type == "function_call" for item in context.items)
    return [call("read_votes")] if opened else [call("open_poll", '{"question": "Tea?"}')]


@contextlib.asynccontextmanager
async def live(client: Client, session: Admitted, surface: LocalSurface) -> AsyncIterator[RoomlessSession]:
    """The session as its job serves it, reached by commands over NATS."""
    talk = RoomlessSession(
        metadata=session.metadata,
        log=NatsEventLog(client),
        objects=NatsObjectStore(client, TEMPLATE_VERSIONS_BUCKET),
        keys=session.keys(),
        surface=surface,
        providers=Providers(),
        models=ScriptedModels(asks),
    )
    async with talk:
        commands = await serve(
            client, live_session_subject(session.metadata.session), LiveRequest, talk.conversation.live, queue=None
        )
        async with commands:
            yield talk


async def test_a_registered_kind_is_opened_commanded_and_read_back_at_once(nats_url: str, database: str) -> None:
    async with a_config_api(nats_url, database) as api, connect(nats_url, name="test") as client:
        version = await published(api)
        log, objects = NatsEventLog(client), NatsObjectStore(client, TEMPLATE_VERSIONS_BUCKET)
        session = await an_admitted_session(log, objects, version, customer=CustomerId("acme"))
        page = PanelPage()
        surface = LocalSurface(page)
        page.kinds["poll"] = version.panel_kinds[PanelId("poll")]
        settings = Settings(nats_url=nats_url, postgres_dsn=database, key_pepper="pepper")
        await migrate(settings)
        key = api.headers["Authorization"].removeprefix("Bearer ")
        async with (
            await serve(client, OPEN_KEY, OpenKey, session.answer, queue=None),
            calling(open_service(settings), key) as bridge,
            live(client, session, surface) as talk,
        ):
            panel = f"/api/sessions/{session.metadata.session}/panels/poll"

            async def shown() -> dict[str, Any]:
                answer = await bridge.get(panel)
                return answer.json() if answer.status_code == 200 else {}

            assert (await talk.say("ask me"))[-1] == "Please vote."
            surface.emit(page.event("poll", "voted", {"yes": 1}))
            assert (await talk.say("what did I say?"))[-1] == 'Read: {"yes":1}'
            await until(lambda: _is(shown, rev=2), what="the vote is shown")
            assert (await shown())["state"] == {"question": "Tea?", "yes": 1, "closed": False}

            wrong = await bridge.post(f"{panel}/commands", json={"action": "close_poll", "args": {"why": "late"}})
            assert (wrong.status_code, wrong.json()["code"]) == (422, "bad_schema")
            unknown = await bridge.post(f"{panel}/commands", json={"action": "explode"})
            assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_action")
            closed = await bridge.post(f"{panel}/commands", json={"action": "close_poll"})
            assert (closed.status_code, closed.json()["rev"]) == (200, 3)
            assert page.states["poll"] == {"question": "Tea?", "yes": 1, "closed": True}
            await until(lambda: _is(shown, rev=3), what="the command is shown")
            assert (await shown())["state"] == page.states["poll"]


async def _is(shown: Any, *, rev: int) -> bool:
    return bool((await shown()).get("rev") == rev)
