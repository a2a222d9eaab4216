"""A recorded call, read over HTTP: what happened, what it cost, what it was at any event, and the proof of it."""

import hashlib
import json
from typing import Any

import httpx
import msgspec
import pytest
from tests.support.ledgers import World
from tests.support.readers import calling, issue_key
from tests.support.sessions import CODE, EXPERT, FIXED_CODE, TRIAGE, USER_WORDS, ScriptedSession

from baton.verify import verify_export
from contracts.ids import CustomerId
from contracts.session_state import digest
from ledger.bootstrap import open_service

pytestmark = pytest.mark.integration


async def get(
    api: httpx.AsyncClient, world: World, path: str, *, of: ScriptedSession | None = None, **query: Any
) -> Any:
    query = {"min_position": world.position.encode(), **query}
    answer = await api.get(f"/api/sessions/{(of or world.session).session}/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json() if answer.headers["content-type"].startswith("application/json") else answer.text


async def test_the_timeline_shows_who_spoke_what_was_done_and_how_fast(api: httpx.AsyncClient, world: World) -> None:
    timeline = await get(api, world, "timeline")
    items = timeline["data"]
    said = [item["personal"]["text"] for item in items if item["kind"] == "user"]
    assert said == [USER_WORDS[0], USER_WORDS[1], USER_WORDS[1], USER_WORDS[2]]
    reply = next(item for item in items if item["kind"] == "agent" and item["turn"])
    assert reply["details"]["latency"] == {"stt": 120, "eou": 300, "llm_ttft": 210, "tts_ttfb": 90, "e2e": 720}
    [handoff] = [item for item in items if item["kind"] == "handoff"]
    assert (handoff["details"]["from_agent"], handoff["details"]["to_agent"]) == (TRIAGE, EXPERT)
    assert handoff["details"]["ms"] == 16
    read = next(item for item in items if item["details"].get("name") == "read_code")
    assert (read["details"]["outcome"], read["details"]["ms"]) == ("completed", 1)
    assert json.loads(read["result"]["result"])["code"] == FIXED_CODE
    assert [item["details"]["rev"] for item in items if item["type"] == "panel.changed"] == [2, 3, 4, 5]
    assert [item["type"] for item in items if item["kind"] == "session"][-1] == "session.closed"
    assert timeline["next_cursor"] is None


async def test_pages_of_the_timeline_join_to_the_whole(api: httpx.AsyncClient, world: World) -> None:
    whole = (await get(api, world, "timeline"))["data"]
    joined: list[Any] = []
    cursor: dict[str, Any] = {}
    while True:
        page = await get(api, world, "timeline", limit=7, **cursor)
        joined += page["data"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert joined == whole


async def test_handoffs_name_both_agents_the_time_and_the_reason(api: httpx.AsyncClient, world: World) -> None:
    [handoff] = (await get(api, world, "handoffs"))["data"]
    assert (handoff["from_agent"], handoff["to_agent"], handoff["ms"]) == (TRIAGE, EXPERT, 16)
    assert (handoff["outcome"], handoff["policy"]) == ("completed", "full")
    assert handoff["reason"] == {"reason": "wants help with code"}


async def test_the_cost_adds_up_per_agent_per_turn_and_in_all(api: httpx.AsyncClient, world: World) -> None:
    cost = await get(api, world, "cost", lines=True)
    total = cost["amount_nano"]
    assert total == sum(line["amount_nano"] for line in cost["lines"]) > 0
    for level in ("agents", "turns", "families"):
        assert sum(share["amount_nano"] for share in cost[level]) == total
    assert [share["name"] for share in cost["agents"]] == [EXPERT, TRIAGE]
    assert {share["name"] for share in cost["families"]} == {"llm", "stt", "tts"}
    usages = [event for event in world.session.events if event.type.startswith("usage.")]
    used = sum(len(json.loads(bytes(event.data))["quantities"]) for event in usages)
    assert (len(cost["lines"]), cost["unpriced"]) == (used, [])


async def test_what_was_used_with_the_customers_own_key_is_told_apart_and_owed_to_nobody_here(
    api: httpx.AsyncClient, world: World
) -> None:
    headers = {"Authorization": f"Bearer {world.other_api_key}"}
    query = {"min_position": world.position.encode(), "lines": True}
    answer = await api.get(f"/api/sessions/{world.foreign.session}/cost", params=query, headers=headers)
    cost = answer.json()
    own = {line["family"] for line in cost["lines"] if line["payer"] == "customer"}
    assert own == {"llm"}
    assert cost["amount_nano"] == sum(line["amount_nano"] for line in cost["lines"] if line["family"] != "llm") > 0
    assert cost["customer_paid_nano"] == sum(line["customer_paid_nano"] for line in cost["lines"]) > 0
    for level in ("agents", "turns", "families"):
        for total in ("amount_nano", "customer_paid_nano"):
            assert sum(share[total] for share in cost[level]) == cost[total]
    assert {share["name"]: share["amount_nano"] for share in cost["families"]}["llm"] == 0


async def test_what_has_no_price_is_shown_and_not_dropped(api: httpx.AsyncClient, world: World) -> None:
    cost = await get(api, world, "cost", of=world.unclosed)
    assert {line["model"] for line in cost["unpriced"]} == {"unheard-of"}
    assert {line["amount_nano"] for line in cost["unpriced"]} == {0}
    assert sum(share["unpriced"] for share in cost["agents"]) == len(cost["unpriced"])


async def test_events_come_in_order_with_their_personal_parts_opened(api: httpx.AsyncClient, world: World) -> None:
    lines = [json.loads(line) for line in (await get(api, world, "events")).splitlines()]
    assert [line["id"] for line in lines] == [event.id for event in world.session.events]
    assert [bool(line["personal"]) for line in lines] == [bool(event.personal) for event in world.session.events]
    assert lines[0]["personal"]["name"] == "Ada Lovelace"
    later = (await get(api, world, "events", after=lines[5]["position"])).splitlines()
    assert [json.loads(line) for line in later] == lines[6:]


async def test_the_state_at_the_end_is_the_fold_of_all_events(api: httpx.AsyncClient, world: World) -> None:
    state = await get(api, world, "state")
    assert state["status"] == "closed"
    assert state["digest"] == digest(world.session.state.run)
    assert state["run"] == json.loads(msgspec.json.encode(world.session.state.run))
    assert (state["events"], state["erased"]) == (len(world.session.events), 0)


async def test_the_state_at_an_event_is_what_it_was_then(api: httpx.AsyncClient, world: World) -> None:
    items = (await get(api, world, "timeline"))["data"]
    opened = next(item for item in items if item["type"] == "panel.opened")
    edited = next(item for item in items if item["type"] == "panel.changed")
    before = await get(api, world, "state", at=opened["position"])
    after = await get(api, world, "state", at=edited["position"])
    assert before["run"]["panels"]["coding_ide"]["state"]["code"] == CODE
    assert after["run"]["panels"]["coding_ide"]["state"]["code"] == FIXED_CODE
    assert (before["status"], before["position"]) == ("live", opened["position"])


async def test_an_export_verifies_offline_with_the_published_key(api: httpx.AsyncClient, world: World) -> None:
    text = await get(api, world, "export")
    key = (await api.get("/api/ledger/public-key", headers={"Authorization": ""})).json()["public_key"]
    verdict = verify_export(text.splitlines(), bytes.fromhex(key))
    assert verdict.problems == []
    assert verdict.trusted
    assert verdict.count == len(world.session.commits)
    assert not verify_export(text.splitlines()[:-3], bytes.fromhex(key)).ok


async def test_the_heads_are_those_of_the_bytes_in_the_log(api: httpx.AsyncClient, world: World) -> None:
    verdict = verify_export((await get(api, world, "export")).splitlines(), None)
    for subject in {commit.subject for commit in world.session.commits}:
        head = hashlib.sha256(subject.encode()).digest()
        async for commit in world.log.read("SESSIONS", subject):  # type: ignore[arg-type]
            head = hashlib.sha256(head + commit.payload).digest()
        assert verdict.heads[subject] == head.hex()


PATHS = ["timeline", "handoffs", "cost", "events", "state", "export"]


@pytest.mark.parametrize("path", PATHS)
async def test_another_customers_session_is_not_found(api: httpx.AsyncClient, world: World, path: str) -> None:
    await get(api, world, "cost")
    for session in (world.foreign.session, "ses_never"):
        answer = await api.get(f"/api/sessions/{session}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "session_not_found")


@pytest.mark.parametrize("id", ["ses.1", "ses_*", "a" * 65, "%3E", "ses%20x"])
async def test_an_id_that_is_none_is_refused(api: httpx.AsyncClient, id: str) -> None:
    answer = await api.get(f"/api/sessions/{id}/timeline")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"min_position": "nonsense"}, 400, "invalid_position"),
        ({"cursor": "p1.e30"}, 400, "invalid_position"),
        ({"limit": 0}, 400, "invalid_input"),
    ],
)
async def test_a_query_that_is_wrong_is_refused(
    api: httpx.AsyncClient, world: World, query: dict[str, Any], status: int, code: str
) -> None:
    await get(api, world, "cost")
    answer = await api.get(f"/api/sessions/{world.session.session}/timeline", params=query)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_position_of_another_session_is_refused(api: httpx.AsyncClient, world: World) -> None:
    position = msgspec.structs.replace(world.position, partition=(world.position.partition + 1) % 64)
    answer = await api.get(f"/api/sessions/{world.session.session}/state", params={"at": position.encode()})
    assert (answer.status_code, answer.json()["code"]) == (409, "position_of_another_log")


async def test_a_read_that_asks_for_more_than_there_is_says_so_in_time(api: httpx.AsyncClient, world: World) -> None:
    ahead = msgspec.structs.replace(world.position, sequence=world.position.sequence + 1_000)
    answer = await api.get(f"/api/sessions/{world.session.session}/cost", params={"min_position": ahead.encode()})
    assert (answer.status_code, answer.json()["code"]) == (503, "read_model_behind")


async def test_a_key_without_the_scope_may_not_read(world: World) -> None:
    key = await issue_key(world.log, CustomerId("acme"), scopes=("panels:write",))
    async with calling(open_service(world.settings), key) as api:
        answer = await api.get(f"/api/sessions/{world.session.session}/timeline")
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


async def test_the_api_describes_itself(api: httpx.AsyncClient) -> None:
    described = (await api.get("/schema/openapi.json")).json()
    assert {f"/api/sessions/{{session_id}}/{path}" for path in PATHS} <= set(described["paths"])
