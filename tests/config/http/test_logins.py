"""/api/auth over a real NATS and PostgreSQL: registering, logging in and out, and what nobody may learn on the way."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
from argon2 import PasswordHasher
from tests.support.config_api import problem
from tests.support.people import PASSWORD, People, a_people_api, person

from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from contracts.envelope import decode_commit
from contracts.subjects import Log

pytestmark = pytest.mark.integration

REGISTRATION = {"email": "ada@example.com", "password": PASSWORD, "name": "Ada Sealed", "customer_name": "Ada Ltd"}


@pytest.fixture
async def people(nats_url: str, database: str) -> AsyncIterator[People]:
    async with a_people_api(nats_url, database) as people:
        yield people


async def who_registers_owns_a_customer_and_says_in_which_mode_it_works(people: People) -> None:
    olga = await people.register("Olga@Example.com")
    me = (await people.call("GET", "/api/auth/me", as_=olga)).json()
    assert (me["id"], me["customer_id"], me["role"]) == (olga.member, olga.customer, "owner")
    assert (me["name"], me["email"], me["customer_name"]) == ("Olga Owner", "Olga@Example.com", "Example Ltd")
    assert {"members:write", "agents:write"} <= set(me["scopes"])
    modes: list[tuple[dict[str, str], str]] = [
        ({}, "test"),
        ({"Baton-Mode": "test"}, "test"),
        ({"Baton-Mode": "live"}, "live"),
    ]
    for headers, mode in modes:
        issued = await people.call("POST", "/api/keys", as_=olga, json={"scopes": ["agents:read"]}, headers=headers)
        assert issued.json()["key"].startswith(f"sk_{mode}_")
    refused = await people.call("GET", "/api/keys", as_=olga, headers={"Baton-Mode": "both"})
    assert (refused.status_code, problem(refused)["code"]) == (400, "invalid_mode")


async def a_registration_is_refused_with_a_pointer_to_each_mistake(people: People) -> None:
    good = {"email": "ada@example.com", "password": PASSWORD, "name": "Ada", "customer_name": "Ada Ltd"}
    for change, pointers in (
        ({"email": "nobody"}, ["/email"]),
        ({"password": "short"}, ["/password"]),
        ({"password": "aaaaaaaaaaaaaaaa"}, ["/password"]),
        ({"email": "stapler@example.com", "password": "my stapler is red"}, ["/password"]),
        ({"name": " ", "customer_name": "\n"}, ["/customer_name", "/name"]),
    ):
        answer = await people.post("/api/auth/register", {**good, **change})
        assert answer.status_code == 400
        assert [one["pointer"] for one in problem(answer)["errors"]] == pointers
    created = await people.post("/api/auth/register", good)
    assert (created.status_code, created.headers["Cache-Control"]) == (201, "no-store")
    again = await people.post("/api/auth/register", {**good, "email": " ADA@example.COM "})
    assert (again.status_code, problem(again)["code"]) == (409, "address_taken")
    at_once = await asyncio.gather(
        *(people.post("/api/auth/register", {**good, "email": "bob@example.com"}) for _ in range(5))
    )
    assert Counter(one.status_code for one in at_once) == {201: 1, 409: 4}


async def a_wrong_password_and_an_unknown_address_get_the_same_answer(people: People) -> None:
    olga = await people.register()
    assert (await people.log_in(olga)).member == olga.member
    told = []
    for email, password in ((olga.email, "wrong password here"), ("nobody@example.com", PASSWORD), ("no address", "x")):
        answer = await people.post("/api/auth/login", {"email": email, "password": password})
        assert answer.status_code == 401
        told.append({name: value for name, value in problem(answer).items() if name != "request_id"})
    assert told[0] == told[1] == told[2]
    assert told[0]["code"] == "bad_credentials"
    assert olga.email not in str(told)


async def refresh_tokens_rotate_and_a_used_one_ends_the_login(people: People) -> None:
    olga = await people.register()
    other = await people.log_in(olga)
    first = (await people.post("/api/auth/refresh", {"refresh_token": olga.refresh})).json()
    second = (await people.post("/api/auth/refresh", {"refresh_token": first["refresh_token"]})).json()
    assert (await people.call("GET", "/api/auth/me", as_=second["access_token"])).status_code == 200
    stolen = await people.post("/api/auth/refresh", {"refresh_token": first["refresh_token"]})
    assert (stolen.status_code, problem(stolen)["code"]) == (401, "refresh_token_reused")
    await people.until_out(olga)
    over = await people.post("/api/auth/refresh", {"refresh_token": second["refresh_token"]})
    assert problem(over)["code"] == "invalid_refresh_token"
    assert (await people.call("GET", "/api/auth/me", as_=other)).status_code == 200, "another login is another family"
    at_once = await asyncio.gather(
        *(people.post("/api/auth/refresh", {"refresh_token": other.refresh}) for _ in range(6))
    )
    assert Counter(one.status_code for one in at_once) == {200: 1, 401: 5}
    await people.until_out(other)


async def logins_are_listed_and_ended_one_by_one(people: People) -> None:
    olga = await people.register()
    phone, laptop = await people.log_in(olga), await people.log_in(olga)
    listed = (await people.call("GET", "/api/auth/sessions", as_=phone, params={"limit": 2})).json()
    assert [one["proof"] for one in listed["data"]] == ["registration", "password"]
    assert [one["current"] for one in listed["data"]] == [False, True]
    rest = await people.call("GET", "/api/auth/sessions", as_=phone, params={"cursor": listed["next_cursor"]})
    (last,) = rest.json()["data"]
    assert (await people.call("DELETE", f"/api/auth/sessions/{last['id']}", as_=phone)).status_code == 204
    await people.until_out(laptop)
    assert (await people.post("/api/auth/logout", as_=phone)).status_code == 204
    await people.until_out(phone)
    refused = await people.post("/api/auth/refresh", {"refresh_token": phone.refresh})
    assert problem(refused)["code"] == "invalid_refresh_token"
    stranger = await people.register()
    mine = (await people.call("GET", "/api/auth/sessions", as_=olga)).json()["data"][0]["id"]
    for id in (mine, "lgn_none"):
        assert (await people.call("DELETE", f"/api/auth/sessions/{id}", as_=stranger)).status_code == 404


async def a_new_password_ends_the_other_logins(people: People) -> None:
    olga = await people.register()
    other = await people.log_in(olga)
    new = "a staple of correct batteries"
    wrong = await people.post("/api/auth/password", {"current": "not the password", "new": new}, as_=olga)
    assert (wrong.status_code, problem(wrong)["code"]) == (403, "wrong_password")
    weak = await people.post("/api/auth/password", {"current": PASSWORD, "new": "short"}, as_=olga)
    assert problem(weak)["errors"][0]["pointer"] == "/new"
    assert (await people.post("/api/auth/password", {"current": PASSWORD, "new": new}, as_=olga)).status_code == 204
    await people.until_out(other)
    assert (await people.call("GET", "/api/auth/me", as_=olga)).status_code == 200
    assert (await people.post("/api/auth/login", {"email": olga.email, "password": PASSWORD})).status_code == 401
    olga.password = new
    await people.log_in(olga)


async def what_a_member_has_is_not_for_keys(people: People) -> None:
    olga = await people.register()
    key = (await people.call("POST", "/api/keys", as_=olga, json={"scopes": ["members:read", "members:write"]})).json()

    async def status() -> httpx.Response:
        return await people.call("GET", "/api/auth/me", as_=key["key"])

    while (answer := await status()).status_code == 401:
        pass
    assert (answer.status_code, problem(answer)["code"]) == (403, "not_allowed")


CASES = [
    who_registers_owns_a_customer_and_says_in_which_mode_it_works,
    a_registration_is_refused_with_a_pointer_to_each_mistake,
    a_wrong_password_and_an_unknown_address_get_the_same_answer,
    refresh_tokens_rotate_and_a_used_one_ends_the_login,
    logins_are_listed_and_ended_one_by_one,
    a_new_password_ends_the_other_logins,
    what_a_member_has_is_not_for_keys,
]


async def test_members_register_log_in_and_log_out(people: People) -> None:
    for case in CASES:  # on one stack: opening one costs more than all of them
        await case(people)


async def test_attempts_are_bound_exactly_over_processes_and_settings_close_what_is_public(
    nats_url: str, database: str
) -> None:
    async with (
        a_people_api(nats_url, database, attempts_per_address=5) as one,
        a_people_api(nats_url, database, attempts_per_address=5) as another,
    ):
        olga = await one.register()
        wrong = {"email": olga.email, "password": "wrong password here"}
        answers = await asyncio.gather(*(api.post("/api/auth/login", wrong) for api in (one, another) * 10))
        assert Counter(answer.status_code for answer in answers) == {401: 5, 429: 15}
        refused = await one.post("/api/auth/login", {"email": olga.email.upper(), "password": PASSWORD})
        assert (refused.status_code, problem(refused)["code"]) == (429, "too_many_attempts")
        assert 0 < int(refused.headers["Retry-After"]) <= 900
        bob = await another.register()
        for _ in range(6):
            await one.log_in(bob)
    async with a_people_api(nats_url, database, registration="closed") as closed:
        refused = await closed.post("/api/auth/register", {**REGISTRATION, "email": "x@example.com"})
        assert (refused.status_code, problem(refused)["code"]) == (403, "registration_closed")
    async with a_people_api(nats_url, database, login_signing_key="") as off:
        refused = await off.post("/api/auth/login", {"email": olga.email, "password": PASSWORD})
        assert (refused.status_code, problem(refused)["code"]) == (403, "logins_off")
    async with a_people_api(nats_url, database, attempts_per_caller=2, trusted_proxies=1) as behind:
        told = []
        for hops in ("203.0.113.7", "1.2.3.4, 203.0.113.7", "203.0.113.7", "203.0.113.8"):
            headers = {"X-Forwarded-For": hops}
            told.append((await behind.call("GET", "/api/auth/oidc/start", headers=headers)).status_code)
        assert told == [403, 403, 429, 403], "who is nearest to us says who calls, and nobody further away"


async def test_no_name_address_password_or_token_is_at_rest_and_old_hashes_are_renewed(
    people: People, nats_url: str, database: str
) -> None:
    answer = await people.post("/api/auth/register", REGISTRATION)
    olga = answer.json()
    secrets = [REGISTRATION["email"], "Sealed", PASSWORD, olga["refresh_token"], olga["access_token"]]
    invitation = await people.invite(person(REGISTRATION["email"], answer), "analyst", "secret.guest@example.com")
    secrets += ["secret.guest", invitation["token"].split("~")[-1]]
    kept = ""
    async with connect(nats_url, name="test") as nats:
        log = NatsEventLog(nats)
        async for commit in log.read(Log.CONFIG, "cfg.>"):
            kept += commit.payload.decode()
            assert all(
                not one.type.startswith("member.joined") or one.personal for one in decode_commit(commit.payload)
            )
    db = await asyncpg.connect(database)
    try:
        tables = await db.fetch("select tablename from pg_tables where schemaname = 'config'")
        for (table,) in tables:
            rows = await db.fetch(f"select t::text from config.{table} t")
            kept += "".join(str(row) for row in rows)
        weak = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
        await db.execute("update config.member_password set hash = $1 where member = $2", weak, olga["member_id"])
        told = {"email": REGISTRATION["email"], "password": PASSWORD}
        assert (await people.post("/api/auth/login", told)).status_code == 200
        renewed = await db.fetchval("select hash from config.member_password where member = $1", olga["member_id"])
    finally:
        await db.close()
    assert renewed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in kept
    assert [secret for secret in secrets if secret in kept] == []
