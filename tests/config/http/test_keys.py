"""/api/keys over a real NATS: kinds, lists without a key in them, and rotation."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.until import until
from tests.support.whole_api import WholeApi, a_whole_api

from chassis.access import Access
from chassis.ids import new_id
from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.key_uses import keep_uses, read_uses
from chassis.tasks import Tasks
from contracts.access import SCOPES
from contracts.envelope import parse_time
from contracts.ids import ApiKeyId

pytestmark = pytest.mark.integration

SCOPE = ["agents:read"]


@pytest.fixture
async def api(nats_url: str, database: str) -> AsyncIterator[WholeApi]:
    async with a_whole_api(nats_url, database) as api:
        yield api


async def issued(api: WholeApi, customer: str = "acme", **body: Any) -> dict[str, Any]:
    answer = await api.call("POST", "/api/keys", key=api.keys[customer], json={"scopes": SCOPE, **body})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def listed(api: WholeApi, position: str, **query: Any) -> dict[str, Any]:
    params = {"min_position": position, "limit": 100, **query}
    answer = await api.call("GET", "/api/keys", key=api.keys["acme"], params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def status(api: WholeApi, key: str) -> int:
    return (await api.call("GET", "/api/agents/none", key=key)).status_code


async def test_the_list_tells_everything_of_a_key_but_the_key(api: WholeApi) -> None:
    expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    secret = await issued(api, expires_at=expires)
    public = await issued(
        api, scopes=["sessions:write"], kind="publishable", origins=["https://a.example"], templates=["help"]
    )
    await issued(api, "other")
    page = await listed(api, public["position"])
    found = {one["id"]: one for one in page["data"]}
    assert set(found) >= {secret["id"], public["id"]}
    assert len(found) == 3, "the operator's own, these two, and none of another customer's"
    one = found[secret["id"]]
    assert (one["kind"], one["livemode"], one["scopes"], one["hint"]) == (
        "secret",
        False,
        SCOPE,
        f"…{secret['key'][-4:]}",
    )
    assert parse_time(one["expires_at"]) == datetime.fromisoformat(expires)
    assert (one["revoked_at"], one["rotated_from"]) == (None, None)
    assert found[public["id"]]["origins"] == ["https://a.example"]
    assert found[public["id"]]["templates"] == ["help"]
    assert public["key"].startswith("pk_test_")
    assert secret["key"] not in str(page)


async def test_the_list_has_pages_in_a_stable_order(api: WholeApi) -> None:
    ids = [await issued(api) for _ in range(3)]
    whole = [one["id"] for one in (await listed(api, ids[-1]["position"]))["data"]]
    pages, cursor = [], None
    while True:
        page = await listed(api, ids[-1]["position"], limit=2, **({"cursor": cursor} if cursor else {}))
        pages += [one["id"] for one in page["data"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert pages == whole
    assert whole[-3:] == [one["id"] for one in ids]
    for bad in ("x", "!", "W10", "LTE"):
        refused = await api.call("GET", "/api/keys", key=api.keys["acme"], params={"cursor": bad})
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_cursor"), bad


async def test_a_rotated_key_opens_until_the_overlap_is_over(api: WholeApi) -> None:
    old = await issued(api, expires_at=(datetime.now(UTC) + timedelta(days=30)).isoformat())
    answer = await api.call("POST", f"/api/keys/{old['id']}/rotate", key=api.keys["acme"], json={"overlap_s": 3600})
    assert answer.status_code == 201, answer.text
    new = answer.json()
    await api.until_known(new["key"])
    assert (await status(api, old["key"]), await status(api, new["key"])) == (404, 404)
    found = {one["id"]: one for one in (await listed(api, new["position"]))["data"]}
    left = parse_time(found[old["id"]]["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(hours=1)
    assert found[new["id"]]["rotated_from"] == old["id"]
    assert found[new["id"]]["scopes"] == SCOPE
    lives = parse_time(found[new["id"]]["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < lives <= timedelta(days=30), "as long as the old one did"


async def test_without_an_overlap_the_old_key_is_over_at_once_and_is_not_rotated_again(api: WholeApi) -> None:
    old = await issued(api)
    path = f"/api/keys/{old['id']}/rotate"
    new = (await api.call("POST", path, key=api.keys["acme"], json={"overlap_s": 0})).json()
    await api.until_known(new["key"])
    await api.until_known(old["key"], known=False)
    told = (await api.call("GET", "/api/agents/none", key=old["key"])).json()
    assert told["code"] == "key_expired"
    again = await api.call("POST", path, key=api.keys["acme"], json={})
    assert (again.status_code, again.json()["code"]) == (409, "key_over")


async def test_a_key_rotates_none_that_reaches_further_nor_another_customers(api: WholeApi) -> None:
    strong = await issued(api, scopes=sorted(SCOPES))
    weak = await issued(api, scopes=["keys:write"])
    await api.until_known(weak["key"])
    path = f"/api/keys/{strong['id']}/rotate"
    assert (await api.call("POST", path, key=weak["key"], json={})).status_code == 403
    assert (await api.call("POST", path, key=api.keys["other"], json={})).status_code == 404
    too_long = await api.call("POST", path, key=api.keys["acme"], json={"overlap_s": 10**6})
    assert (too_long.status_code, too_long.json()["errors"][0]["pointer"]) == (400, "/overlap_s")


async def test_when_a_key_was_last_used_is_known_to_a_minute(nats_url: str, api: WholeApi) -> None:
    key = await issued(api)
    assert {one["last_used_at"] for one in (await listed(api, key["position"]))["data"]} == {None}
    async with connect(nats_url, name="test") as nats, Tasks() as tasks:
        keys = Access(log=NatsEventLog(nats), pepper=b"pepper")
        tasks.start(keys.follow(), name="keys")
        await keys.reached(1, timeout_s=5)
        await until(lambda: _opens(keys, key["key"]), what="the key is known")
        tasks.start(keep_uses(nats, keys.keys, every_s=0.05), name="uses")

        async def kept() -> bool:
            return ApiKeyId(key["id"]) in await read_uses(nats, [ApiKeyId(key["id"]), ApiKeyId(new_id("key"))])

        await until(kept, what="the use is kept")
    used = {one["id"]: one["last_used_at"] for one in (await listed(api, key["position"]))["data"]}
    assert datetime.now(UTC) - parse_time(used[key["id"]]) < timedelta(minutes=1)


def _opens(keys: Access, key: str) -> bool:
    try:
        keys.authenticate(key)
    except Exception:
        return False
    return True


async def test_a_position_of_another_log_or_of_the_future_is_not_waited_for_in_vain(api: WholeApi) -> None:
    session = await api.call(
        "POST",
        "/api/session/start",
        key=api.keys["acme"],
        json={"template_id": "help", "user_info": {"id": "anna"}},
    )
    params = {"min_position": session.json()["position"]}
    refused = await api.call("GET", "/api/keys", key=api.keys["acme"], params=params)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_position")
