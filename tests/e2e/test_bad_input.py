"""Bad input to a running Baton: a clear problem with a stable code, and no event in any log."""

import base64
import contextlib
import hashlib
import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from livekit import api as livekit
from tests.e2e.conftest import Marked, until_closed
from tests.support.demo_lines import start_session
from tests.support.problems import no_event, refused
from tests.support.stack import Stack
from tests.support.until import until

from baton.demo.api import open_api
from baton.ready import Ready

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("together")]

USER = {"id": "ada"}
AGENT = {"name": "Lonely", "instructions": "Wait."}


@contextlib.asynccontextmanager
async def client(live: Ready, *, key: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
    key = live.api_key if key is None else key
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with httpx.AsyncClient(base_url=live.api_url, headers=headers, timeout=20) as found:
        yield found


@pytest.fixture
def quiet(together: Stack, marked: Marked) -> Ready:
    """A running Baton with no session open, so that whatever is appended comes from the test."""
    return together.ready


async def test_an_unknown_template_starts_nothing(quiet: Ready) -> None:
    async with client(quiet) as http, no_event(quiet.nats_url):
        answer = await http.post("/api/session/start", json={"template_id": "no-such", "user_info": USER})
        assert "no-such" in str(refused(answer, 404, "unknown_template")["detail"])


@pytest.mark.parametrize("template", ["de.mo", "de*mo", "demo>", "de mo", "", "."])
async def test_an_id_that_may_not_stand_in_a_subject_is_refused_in_a_body(quiet: Ready, template: str) -> None:
    async with client(quiet) as http, no_event(quiet.nats_url):
        answer = await http.post("/api/session/start", json={"template_id": template, "user_info": USER})
        refused(answer, 400, "invalid_id")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/session/{id}/status"),
        ("POST", "/api/session/{id}/end"),
        ("GET", "/api/sessions/{id}/timeline"),
        ("GET", "/api/sessions/{id}/export"),
        ("GET", "/api/sessions/{id}/panels"),
        ("GET", "/api/agents/{id}"),
        ("PUT", "/api/agents/{id}"),
        ("PUT", "/api/templates/{id}"),
        ("POST", "/api/templates/{id}/publish"),
        ("DELETE", "/api/keys/{id}"),
    ],
)
@pytest.mark.parametrize("id", ["a.b", "a*b", "a%3Eb"])
async def test_an_id_that_may_not_stand_in_a_subject_is_refused_in_a_path(
    quiet: Ready, method: str, path: str, id: str
) -> None:
    async with client(quiet) as http, no_event(quiet.nats_url):
        body = AGENT if method == "PUT" else None
        answer = await http.request(method, path.format(id=id), json=body)
        assert answer.status_code == 400, answer.text
        assert answer.json()["code"] in ("invalid_id", "invalid_input")
        assert answer.headers["content-type"].startswith("application/problem+json")


async def test_a_revoked_key_opens_nothing_more(quiet: Ready) -> None:
    async with client(quiet) as http:
        issued = (await http.post("/api/keys", json={"scopes": ["sessions:write"]})).json()
        await http.delete(f"/api/keys/{issued['id']}")
    async with client(quiet, key=issued["key"]) as http:

        async def shut() -> bool:
            # An unknown template: while the key still opens, nothing is started.
            answer = await http.post("/api/session/start", json={"template_id": "no-such", "user_info": USER})
            return answer.status_code == 401

        await until(shut, what="the revocation has reached the gateway")
        async with no_event(quiet.nats_url):
            answer = await http.post("/api/session/start", json={"template_id": "demo", "user_info": USER})
            refused(answer, 401, "not_authenticated")


@pytest.mark.parametrize("key", ["", "bk_test_made_up", "quite wrong"])
async def test_no_key_and_a_made_up_key_are_refused(quiet: Ready, key: str) -> None:
    async with client(quiet, key=key) as http, no_event(quiet.nats_url):
        answer = await http.post("/api/session/start", json={"template_id": "demo", "user_info": USER})
        refused(answer, 401, "not_authenticated")


async def test_a_key_without_the_scope_is_refused(quiet: Ready) -> None:
    async with client(quiet) as http:
        issued = (await http.post("/api/keys", json={"scopes": ["agents:read"]})).json()
    async with client(quiet, key=issued["key"]) as http:

        async def known() -> bool:
            return (await http.get("/api/agents/triage")).status_code == 200

        await until(known, what="the key has reached config")
        async with no_event(quiet.nats_url):
            refused(await http.put("/api/agents/other", json=AGENT), 403, "not_allowed")


@pytest.mark.parametrize(
    ("targets", "agents", "code", "pointer"),
    [
        (["nobody"], ["lonely"], "unknown_handoff_target", "/agents/lonely/handoff_targets/0/agent"),
        ([], ["lonely", "triage", "coding_expert"], "unreachable_agent", "/agents/1"),
    ],
)
async def test_a_template_whose_agents_do_not_hold_together_is_not_published(
    quiet: Ready, targets: list[str], agents: list[str], code: str, pointer: str
) -> None:
    template = f"broken-{code.replace('_', '-')}"
    draft = {"name": "Broken", "agents": agents, "initial_agent": "lonely", "panels": ["coding_ide", "notepad"]}
    async with client(quiet) as http:
        definition = {**AGENT, "handoff_targets": [{"agent": target, "policy": "full"} for target in targets]}
        read = {"If-Match": tag} if (tag := (await http.get("/api/agents/lonely")).headers.get("ETag")) else {}
        assert (await http.put("/api/agents/lonely", json=definition, headers=read)).is_success
        assert (await http.put(f"/api/templates/{template}", json=draft)).is_success
        async with no_event(quiet.nats_url):
            problem = refused(await http.post(f"/api/templates/{template}/publish"), 400, "invalid_template")
            errors = {(error["code"], error["pointer"]) for error in _errors(problem)}
            assert (code, pointer) in errors
            answer = await http.post("/api/session/start", json={"template_id": template, "user_info": USER})
            refused(answer, 404, "unknown_template")


def _errors(problem: dict[str, object]) -> list[dict[str, str]]:
    errors = problem["errors"]
    assert isinstance(errors, list)
    return errors


@pytest.mark.parametrize(
    "body", ["", "{", "[]", '{"template_id": 7}', '{"template_id": "demo", "user_info": {"id": "a"}, "more": 1}']
)
async def test_a_body_that_is_no_request_is_refused(quiet: Ready, body: str) -> None:
    async with client(quiet) as http, no_event(quiet.nats_url):
        headers = {"Content-Type": "application/json"}
        answer = await http.post("/api/session/start", content=body, headers=headers)
        assert answer.status_code == 400, answer.text
        assert answer.json()["code"]


async def test_a_path_that_no_service_answers_is_a_problem_too(quiet: Ready) -> None:
    async with client(quiet) as http:
        refused(await http.get("/api/nothing"), 404, "not_found")


# LiveKit's webhooks


def a_webhook(session: str, *, sid: str = "PA_test", age_s: float = 0) -> str:
    participant = {"identity": "someone-else", "sid": sid}
    room = {"name": session, "sid": "RM_test"}
    created = str(int(time.time() - age_s))
    event = {"event": "participant_joined", "id": f"EV_{uuid.uuid4().hex}", "createdAt": created, "room": room}
    return json.dumps({**event, "participant": participant})


def signature(body: str, live: Ready, *, secret: str = "") -> dict[str, str]:
    digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
    token = livekit.AccessToken(live.livekit_key, secret or live.livekit_secret).with_sha256(digest).to_jwt()
    return {"Authorization": token, "Content-Type": "application/webhook+json"}


async def test_a_forged_webhook_is_refused(quiet: Ready, marked: Marked) -> None:
    body = a_webhook(marked.session)
    other = a_webhook(marked.session, sid="PA_other")
    forgeries: list[tuple[str, dict[str, str]]] = [
        (body, {}),
        (body, {"Authorization": "Bearer nothing"}),
        (body, signature(body, quiet, secret="a-secret-that-is-not-ours-at-all")),
        (other, signature(body, quiet)),
    ]
    async with client(quiet, key="") as http, no_event(quiet.nats_url):
        for content, headers in forgeries:
            answer = await http.post("/webhooks/livekit", content=content, headers=headers)
            refused(answer, 401, "forged_webhook")


async def test_a_webhook_from_long_ago_is_refused(quiet: Ready, marked: Marked) -> None:
    body = a_webhook(marked.session, age_s=3600)
    async with client(quiet, key="") as http, no_event(quiet.nats_url):
        answer = await http.post("/webhooks/livekit", content=body, headers=signature(body, quiet))
        refused(answer, 400, "stale_webhook")


async def test_a_replayed_webhook_tells_nothing_twice(quiet: Ready) -> None:
    async with open_api(quiet) as api, client(quiet, key="") as http:
        session = (await start_session(api))["session_id"]
        body = a_webhook(session, sid="PA_replayed")
        first = await http.post("/webhooks/livekit", content=body, headers=signature(body, quiet))
        assert first.json() == {"outcome": "recorded"}
        again = await http.post("/webhooks/livekit", content=body, headers=signature(body, quiet))
        refused(again, 409, "replayed_webhook")
        await api.post(f"/api/session/{session}/end", {})
        await until_closed(api, session)
        events = [json.loads(line) for line in (await _events(api, session)).splitlines()]
        assert sum(_joined(event, "PA_replayed") for event in events) == 1


async def _events(api: Any, session: str) -> str:
    async def ended() -> bool:
        return '"session.closed"' in await api.text(f"/api/sessions/{session}/events")

    await until(ended, what="the ledger has the whole session")
    text: str = await api.text(f"/api/sessions/{session}/events")
    return text


def _joined(event: dict[str, Any], sid: str) -> bool:
    return bool(event["type"] == "session.participant_joined" and event["data"]["participant_sid"] == sid)
