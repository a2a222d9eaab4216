"""/admin over the real parts: operators alone get in, on a port of their own, and what they do shows everywhere."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.config_api import config_settings, problem
from tests.support.deployments import Deployment, a_deployment
from tests.support.fuzzing import fuzz, parameters
from tests.support.provider_urls import provider_urls
from tests.support.until import until

from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.requests import ask
from chassis.operators import new_operator_token
from chassis.postgres.rebuild import check
from chassis.settings import BadSettings
from config.admin import ROUTES
from config.bootstrap import migrate, open_service
from config.read_models.customer_list import CustomerList
from config.read_models.entity_index import SERVICE
from contracts.commands.secrets import OpenProviderCredentials, ProviderCredential, ProviderCredentialsOpened
from contracts.ids import DEPLOYMENT, CustomerId
from contracts.providers import ProviderName
from contracts.subjects import PROVIDER_CREDENTIALS
from simulators import Scenario, Simulators

pytestmark = pytest.mark.integration

ACME = {"name": "Acme", "id": "acme", "max_sessions": 3}


@pytest.fixture
async def deployment(nats_url: str, database: str) -> AsyncIterator[Deployment]:
    async with a_deployment(nats_url, database) as opened:
        yield opened


def paths() -> list[tuple[str, str]]:
    """Every operation of the admin API, with an id in its path."""
    return [
        (method, path.replace("{customer_id:str}", "acme").replace("{provider:str}", "openai"))
        for route in ROUTES
        for path in route.paths
        for method in route.http_methods - {"OPTIONS", "HEAD"}
    ]


async def created(admin: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await admin.post("/admin/customers", json={**ACME, **more})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_no_stranger_gets_in_and_the_public_port_knows_nothing_of_it(deployment: Deployment) -> None:
    admin, token = deployment.admin, deployment.admin.headers["Authorization"].removeprefix("Bearer ")
    another = new_operator_token("op_grace")
    assert len(paths()) == 13
    for method, path in paths():
        for wrong in ("", "Bearer", f"Bearer {another}", f"Bearer {token[:-1]}", f"Bearer {deployment.key}", "Basic x"):
            answer = await admin.request(method, path, headers={"Authorization": wrong}, json={})
            assert (answer.status_code, problem(answer)["code"]) == (401, "not_authenticated"), (method, path, wrong)
        for credential in (token, deployment.key):
            headers = {"Authorization": f"Bearer {credential}"}
            assert (await deployment.public.request(method, path, headers=headers, json={})).status_code == 404
    opened = await deployment.public.get("/api/agents/x", headers={"Authorization": f"Bearer {token}"})
    assert opened.status_code == 401, "an operator's token opens nothing of a customer's"
    assert (await admin.get("/api/agents/x")).status_code == 404
    assert (await admin.get("/livez")).json() == {"status": "live"}


async def test_a_customer_is_created_with_a_first_key_that_opens_until_it_is_suspended(deployment: Deployment) -> None:
    admin = deployment.admin
    body = await created(admin)
    key = {"Authorization": f"Bearer {body['key']['key']}"}
    assert body["key"]["key"].startswith("sk_test_")
    assert body["customer"] | {"position": ""} == {
        **ACME,
        "cell": "default",
        "max_monthly_nano": None,
        "suspended": None,
        "position": "",
    }

    async def opens(status: int) -> bool:
        return (await deployment.public.get("/api/agents", headers=key)).status_code == status

    await until(lambda: opens(200), what="the first key opens")
    suspended = await admin.post("/admin/customers/acme/suspend", json={"reason": "unpaid"})
    assert (suspended.status_code, suspended.json()["suspended"]) == (200, "unpaid")
    again = await admin.post("/admin/customers/acme/suspend", json={"reason": "unpaid"})
    assert again.json() == suspended.json()
    await until(lambda: opens(403), what="the key is refused")
    refused = await deployment.public.get("/api/agents", headers=key)
    assert problem(refused)["code"] == "customer_suspended"
    resumed = await admin.post("/admin/customers/acme/resume")
    assert (resumed.status_code, resumed.json()["suspended"]) == (200, None)
    await until(lambda: opens(200), what="the key opens again")
    live = (await admin.post("/admin/customers/acme/keys", json={"livemode": True})).json()
    assert live["key"].startswith("sk_live_")
    nobody = await admin.post("/admin/customers/nobody/keys", json={})
    assert (nobody.status_code, problem(nobody)["code"]) == (404, "not_found")


async def test_a_customer_is_renamed_and_capped_by_who_read_it_last(deployment: Deployment) -> None:
    admin = deployment.admin
    await created(admin)
    read = await admin.get("/admin/customers/acme")
    without = await admin.put("/admin/customers/acme/name", json={"name": "Acme Group"})
    assert (without.status_code, problem(without)["code"]) == (428, "precondition_required")
    tag = {"If-Match": read.headers["etag"]}
    renamed = await admin.put("/admin/customers/acme/name", json={"name": "Acme Group"}, headers=tag)
    assert (renamed.status_code, renamed.json()["name"]) == (200, "Acme Group")
    caps = {"max_sessions": 1, "max_monthly_nano": 5_000_000_000}
    stale = await admin.put("/admin/customers/acme/caps", json=caps, headers=tag)
    assert (stale.status_code, problem(stale)["code"]) == (412, "stale")
    capped = await admin.put("/admin/customers/acme/caps", json=caps, headers={"If-Match": renamed.headers["etag"]})
    assert (await admin.get("/admin/customers/acme")).json() == capped.json()
    assert capped.json()["max_monthly_nano"] == 5_000_000_000


async def test_customers_are_listed_and_found_and_a_create_acts_once(
    deployment: Deployment, nats_url: str, database: str
) -> None:
    admin = deployment.admin
    body = await created(admin)
    taken = await admin.post("/admin/customers", json=ACME)
    assert (taken.status_code, problem(taken)["code"]) == (409, "customer_exists")
    once = {"Idempotency-Key": "one"}
    first = await admin.post("/admin/customers", json={"name": "Beta"}, headers=once)
    second = await admin.post("/admin/customers", json={"name": "Beta"}, headers=once)
    assert (first.content, second.headers["idempotent-replayed"]) == (second.content, "true")
    beta = first.json()["customer"]["id"]
    assert beta.startswith("cus_")
    position = (await admin.post("/admin/customers/acme/suspend", json={"reason": "x"})).json()["position"]
    query: dict[str, str] = {"limit": "1", "min_position": position}
    page = (await admin.get("/admin/customers", params=query)).json()
    rest = (await admin.get("/admin/customers", params={"cursor": page["next_cursor"]})).json()
    listed = page["data"] + rest["data"]
    assert [one["id"] for one in listed] == ["acme", beta]
    assert listed[0]["suspended"] == "x"
    found = (await admin.get("/admin/customers", params={"suspended": "false"})).json()["data"]
    assert [one["id"] for one in found] == [beta]

    query = {"min_position": position, "kind": "customer"}
    told = (await admin.get("/admin/audit", params=query)).json()["data"]
    assert [(one["customer"], one["type"]) for one in told] == [
        ("acme", "customer.suspended"),
        (beta, "customer.created"),
        ("acme", "customer.created"),
    ]
    assert {(one["actor"], one["actor_kind"]) for one in told} == {("op_grace", "operator")}
    assert told[0]["changes"] == [{"pointer": "/reason", "after": "x"}, {"pointer": "/suspended", "after": True}]
    everybody = {one["customer"] for one in (await admin.get("/admin/audit")).json()["data"]}
    assert everybody == {"acme", "other", beta}
    only = (await admin.get("/admin/audit", params={"customer": "acme", "kind": "api_key"})).json()["data"]
    assert [one["entity"] for one in only] == [body["key"]["id"]]
    async with connect(nats_url, name="test") as nats:
        assert (await check(database, log=NatsEventLog(nats), service=SERVICE, projection=CustomerList())).equal


async def test_a_key_of_the_deployment_is_tested_kept_and_opened_for_jobs_alone(nats_url: str, database: str) -> None:
    good, bad = "sk-deployment-good-1111", "sk-deployment-bad-2222"
    keys = {"openai": (good,), "deepgram": (good,), "cartesia": (good,)}
    path = "/admin/provider-defaults/openai"
    async with (
        Simulators(scenario=Scenario(keys=keys)) as simulators,
        a_deployment(
            nats_url, database, provider_urls=provider_urls(simulators), development_reach_loopback=True
        ) as deployment,
        connect(nats_url, name="test") as nats,
    ):

        async def opened(customer: CustomerId) -> dict[ProviderName, ProviderCredential]:
            question = OpenProviderCredentials(customer=customer, providers=["openai"])
            return (await ask(nats, PROVIDER_CREDENTIALS, question, ProviderCredentialsOpened, timeout_s=5)).credentials

        admin = deployment.admin
        refused = await admin.put(path, json={"key": bad})
        assert (refused.status_code, problem(refused)["code"]) == (400, "credential_refused")
        assert await opened(DEPLOYMENT) == {}
        saved = await admin.put(path, json={"key": good})
        assert (saved.status_code, saved.json()["hint"]) == (200, "…1111")
        assert [one["provider"] for one in (await admin.get("/admin/provider-defaults")).json()["data"]] == ["openai"]
        assert (await opened(DEPLOYMENT))["openai"].key == good
        assert await opened(CustomerId("other")) == {}
        own = await deployment.public.get(
            "/api/provider-credentials", headers={"Authorization": f"Bearer {deployment.key}"}
        )
        assert own.json()["data"] == []
        told = await admin.get("/admin/audit", params={"min_position": saved.json()["position"], "actor": "op_grace"})
        assert [one["type"] for one in told.json()["data"]] == ["provider_credential.created"]
        assert good not in told.text
        assert (await admin.delete(path)).status_code == 204
        assert await opened(DEPLOYMENT) == {}
        assert (await admin.put("/admin/provider-defaults/nobody", json={"key": good})).status_code == 404


async def test_bad_input_gets_a_clear_problem(deployment: Deployment) -> None:
    admin = deployment.admin
    await created(admin)
    for method, path, body, code in (
        ("POST", "/admin/customers", {"name": "x", "id": "_deployment"}, "invalid_input"),
        ("POST", "/admin/customers", {"name": "x", "id": "a.b"}, "invalid_input"),
        ("POST", "/admin/customers", {"name": ""}, "invalid_customer"),
        ("POST", "/admin/customers", {"name": "x", "max_sessions": -1}, "invalid_customer"),
        ("POST", "/admin/customers", {"name": "x", "colour": "red"}, "invalid_input"),
        ("PUT", "/admin/customers/acme/caps", {"max_sessions": 2, "max_monthly_nano": 0}, "invalid_customer"),
        ("POST", "/admin/customers/acme/suspend", {"reason": "two\nlines"}, "invalid_customer"),
        ("GET", "/admin/customers?cursor=IlwwIg", None, "invalid_cursor"),
        ("GET", "/admin/audit?customer=a.b", None, "invalid_input"),
    ):
        answer = await admin.request(method, path, json=body, headers={"If-Match": "*"})
        assert (answer.status_code, problem(answer)["code"]) == (400, code), (path, answer.text)


async def test_every_answer_to_any_request_is_documented(deployment: Deployment, tmp_path: Path) -> None:
    await created(deployment.admin)
    (tmp_path / "schemathesis.toml").write_text(parameters(customer_id="acme", provider="openai"))
    document = f"{deployment.admin.base_url}/schema/openapi.json"
    status, printed = await fuzz(document, credential=deployment.token, folder=tmp_path, examples=2)
    assert status == 0, printed
    assert int(re.findall(r"(\d+) generated", printed)[0]) > 300, printed


async def test_operators_that_cannot_be_read_are_a_bad_setting(nats_url: str, database: str) -> None:
    bad = config_settings(nats_url, database, admin_port=0, operators="op_grace:short")
    await migrate(bad)
    with pytest.raises(BadSettings, match="BATON_OPERATORS"):
        async with open_service(bad):
            pass
