"""/api/members and /api/invitations over a real NATS and PostgreSQL: who may do what to whom, at once and exactly."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest
from tests.support.config_api import problem
from tests.support.people import PASSWORD, People, Person, a_people_api
from tests.support.until import until

from chassis.embedded.ports import free_port
from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.operators import new_operator_token, operator_entry
from chassis.postgres.rebuild import check
from config.read_models.entity_index import SERVICE
from config.read_models.people import People as PeopleReadModel
from contracts.envelope import decode_commit
from contracts.subjects import MEMBERS, Log

pytestmark = pytest.mark.integration


async def change_role(people: People, by: Person | str, whom: Person, role: str, tag: str = "*") -> httpx.Response:
    url = f"/api/members/{whom.member}"
    return await people.call("PUT", url, as_=by, json={"role": role}, headers={"If-Match": tag})


async def remove(people: People, by: Person | str, whom: Person) -> httpx.Response:
    return await people.call("DELETE", f"/api/members/{whom.member}", as_=by)


async def listed(people: People, by: Person, kind: str = "members", **query: Any) -> list[dict[str, Any]]:
    answer = await people.call("GET", f"/api/{kind}", as_=by, params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def an_invitation_makes_one_member_of_its_role(people: People) -> None:
    olga = await people.register()
    invitation = await people.invite(olga, "developer", "dev@example.com")
    (open_,) = await listed(people, olga, "invitations", min_position=invitation["position"])
    assert (open_["email"], open_["role"], open_["state"]) == ("dev@example.com", "developer", "open")
    assert "token" not in open_
    again = await people.post("/api/invitations", {"email": "DEV@example.com", "role": "admin"}, as_=olga)
    assert (again.status_code, problem(again)["code"]) == (409, "already_member")
    body = {"token": invitation["token"], "name": "Dev", "password": PASSWORD}
    at_once = await asyncio.gather(*(people.post("/api/invitations/accept", body) for _ in range(5)))
    assert Counter(one.status_code for one in at_once) == {201: 1, 409: 4}
    over = await people.post("/api/invitations/accept", body)
    assert (over.status_code, problem(over)["code"]) == (409, "invitation_over")
    parts = invitation["token"].split("~")
    for token in ("nothing", "~".join([*parts[:3], "x" * 43]), "~".join([*parts[:2], "inv_x", parts[3]])):
        refused = await people.post("/api/invitations/accept", {**body, "token": token})
        assert refused.status_code in (404, 409)
    me = (await people.post("/api/auth/login", {"email": "dev@example.com", "password": PASSWORD})).json()
    known = (await people.call("GET", "/api/auth/me", as_=me["access_token"])).json()
    assert (known["role"], known["customer_id"], known["name"]) == ("developer", olga.customer, "Dev")

    async def told() -> bool:
        found = await listed(people, olga, "invitations", over=True)
        return [(one["state"], one["email"], one["member_id"]) for one in found] == [
            ("accepted", None, me["member_id"])
        ]

    await until(told, what="the list tells whom the invitation made, and no address any more")


async def an_invitation_is_revoked_and_wrong_secrets_open_nothing(people: People) -> None:
    olga, stranger = await people.register(), await people.register()
    invitation = await people.invite(olga, "analyst")
    url = f"/api/invitations/{invitation['id']}"
    assert (await people.call("DELETE", url, as_=stranger)).status_code == 404
    prefix, customer, id, secret = invitation["token"].split("~")
    for token in (f"{prefix}~{customer}~{id}~{secret[:-1]}x", f"{prefix}~{stranger.customer}~{id}~{secret}"):
        body = {"token": token, "name": "Eve", "password": PASSWORD}
        refused = await people.post("/api/invitations/accept", body)
        assert (refused.status_code, problem(refused)["code"]) == (404, "unknown_invitation")
    for _ in range(2):
        assert (await people.call("DELETE", url, as_=olga)).status_code == 204
    body = {"token": invitation["token"], "name": "Ann", "password": PASSWORD}
    assert problem(await people.post("/api/invitations/accept", body))["code"] == "invitation_over"


async def only_owners_make_change_and_remove_owners(people: People) -> None:
    olga = await people.register()
    admin, second = await people.join(olga, "admin"), await people.join(olga, "owner")
    for answer in (
        await people.post("/api/invitations", {"email": "o@example.com", "role": "owner"}, as_=admin),
        await change_role(people, admin, admin, "owner"),
        await change_role(people, admin, second, "developer"),
        await remove(people, admin, second),
    ):
        assert (answer.status_code, problem(answer)["code"]) == (403, "owners_only")
    issued = await people.call("POST", "/api/keys", as_=olga, json={"scopes": ["members:read", "members:write"]})
    key = issued.json()["key"]

    async def known() -> bool:
        return (await people.call("GET", "/api/members", as_=key)).status_code == 200

    await until(known, what="the key opens")
    assert problem(await change_role(people, key, admin, "owner"))["code"] == "owners_only", "a key is no owner"
    assert (await change_role(people, key, admin, "analyst")).status_code == 200
    assert (await change_role(people, olga, second, "admin")).status_code == 200


async def the_last_owner_stays_whoever_asks_and_however_many_at_once(people: People) -> None:
    olga = await people.register()
    for answer in (await remove(people, olga, olga), await change_role(people, olga, olga, "admin")):
        assert (answer.status_code, problem(answer)["code"]) == (409, "last_owner")
    second = await people.join(olga, "owner")
    answers = await asyncio.gather(remove(people, olga, second), remove(people, second, olga))
    assert Counter(one.status_code for one in answers) in ({204: 1, 409: 1}, {204: 1, 401: 1}, {204: 1, 404: 1})
    left = olga if answers[0].status_code == 204 else second

    async def alone() -> bool:
        return [one["id"] for one in await listed(people, left)] == [left.member]

    await until(alone, what="one owner is left")


async def a_role_and_a_removal_act_at_once(people: People) -> None:
    olga = await people.register()
    dev = await people.join(olga, "developer")
    written = await people.call("POST", "/api/agents", as_=dev, json={"name": "A", "instructions": "Do."})
    assert written.status_code == 201
    for method, url in (
        ("GET", "/api/members"),
        ("POST", "/api/invitations"),
        ("DELETE", f"/api/members/{olga.member}"),
    ):
        body = {"email": "x@example.com", "role": "analyst"} if method == "POST" else None
        assert (await people.call(method, url, as_=dev, json=body)).status_code == 403
    read = await people.call("GET", f"/api/members/{dev.member}", as_=olga)
    assert (await change_role(people, olga, dev, "billing", '"1"')).status_code == 412
    unsaid = await people.call("PUT", f"/api/members/{dev.member}", as_=olga, json={"role": "billing"})
    assert (unsaid.status_code, problem(unsaid)["code"]) == (428, "precondition_required")
    assert (await change_role(people, olga, dev, "billing", read.headers["ETag"])).json()["role"] == "billing"

    async def status(method: str, url: str) -> int:
        return (await people.call(method, url, as_=dev)).status_code

    async def demoted() -> bool:
        return await status("GET", "/api/agents") == 403

    await until(demoted, what="the same token has the other role")
    assert (await remove(people, olga, dev)).status_code == 204
    await people.until_out(dev)
    assert (await people.post("/api/auth/refresh", {"refresh_token": dev.refresh})).status_code == 401
    assert (await people.post("/api/auth/login", {"email": dev.email, "password": PASSWORD})).status_code == 401
    assert (await people.call("GET", f"/api/members/{dev.member}", as_=olga)).status_code == 404
    assert (await remove(people, olga, dev)).status_code == 404
    forget = f"/api/members/{dev.member}/erase"
    kept = await people.call("POST", f"/api/members/{olga.member}/erase", as_=olga)
    assert (kept.status_code, problem(kept)["code"]) == (409, "still_member")
    again = await people.accept(await people.invite(olga, "analyst", dev.email))
    assert again.member != dev.member, "an address that is free again makes another member"

    async def told() -> bool:
        found = await listed(people, olga, removed=True)
        return [(one["id"], one["removed"]) for one in found][1:] == [(dev.member, True), (again.member, False)]

    await until(told, what="the list tells of both")
    assert (await listed(people, olga, removed=True))[1]["email"] == dev.email, "the audit still has a name"
    for _ in range(2):
        assert (await people.call("POST", forget, as_=olga)).status_code == 204
    (erased,) = [one for one in await listed(people, olga, removed=True) if one["removed"]]
    assert (erased["name"], erased["email"]) == (None, None)


CASES = [
    an_invitation_makes_one_member_of_its_role,
    an_invitation_is_revoked_and_wrong_secrets_open_nothing,
    only_owners_make_change_and_remove_owners,
    the_last_owner_stays_whoever_asks_and_however_many_at_once,
    a_role_and_a_removal_act_at_once,
]


async def a_customer_that_an_operator_made_comes_to_its_owner(people: People, admin: httpx.AsyncClient) -> None:
    made = await admin.post("/admin/customers", json={"name": "Made", "id": "made"})
    key = made.json()["key"]["key"]
    wanted = {"email": "first@example.com", "role": "owner"}

    async def refused() -> bool:
        answer = await people.post("/api/invitations", wanted, as_=key)
        return (answer.status_code, problem(answer)["code"]) == (403, "owners_only")

    await until(refused, what="the key is known, and makes no owner")
    assert (await admin.post("/admin/customers/none/owners", json={"email": "x@example.com"})).status_code == 404
    invited = await admin.post("/admin/customers/made/owners", json={"email": "first@example.com"})
    assert invited.status_code == 201, invited.text
    first = await people.accept(invited.json())
    me = (await people.call("GET", "/api/auth/me", as_=first)).json()
    assert (me["customer_id"], me["customer_name"], me["role"]) == ("made", "Made", "owner")


async def test_members_administer_one_another(nats_url: str, database: str) -> None:
    token, port = new_operator_token("op_grace"), free_port()
    operators = operator_entry(b"pepper", token)
    async with (
        a_people_api(nats_url, database, admin_port=port, operators=operators) as people,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {token}"}) as admin,
    ):
        for case in CASES:  # on one stack: opening one costs more than all of them
            await case(people)
        await a_customer_that_an_operator_made_comes_to_its_owner(people, admin)
        async with connect(nats_url, name="test") as nats:
            log = NatsEventLog(nats)
            report = await check(database, log=log, service=SERVICE, projection=PeopleReadModel())
            commits = [commit async for commit in log.read(Log.CONFIG, f"cfg.*.{MEMBERS}.*")]
    assert report.equal
    told = [envelope for commit in commits for envelope in decode_commit(commit.payload)]
    assert {one.type for one in told} >= {"invitation.accepted", "member.role_changed", "member.removed"}
    assert all(one.actor.startswith(("mem_", "key_", "op_")) for one in told)
