"""The price book and the limits of a customer, over HTTP."""

from typing import Any

import httpx
import pytest
from tests.support.config_api import TEMPLATE, a_config_api, define, problem

pytestmark = pytest.mark.integration

ENTRY = {"provider": "openai", "model": "gpt-4.1-mini", "unit": "input_tokens", "amount_nano": "380.5"}
PRICES: dict[str, Any] = {"currency": "USD", "about": "2027", "entries": [ENTRY]}
DRAFT, PUBLISH = "/api/price-books/draft", "/api/price-books/draft/publish"


async def revise(api: httpx.AsyncClient, path: str, body: Any) -> httpx.Response:
    """Written with the tag that was just read."""
    tag = (await api.get(path)).headers["etag"]
    answer = await api.put(path, json=body, headers={"If-Match": tag})
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] != tag
    return answer


async def test_prices_are_drafted_published_listed_and_compared(nats_url: str, database: str) -> None:
    async with a_config_api(nats_url, database) as api:
        assert (await api.get(DRAFT)).status_code == 404
        assert problem(await api.post(PUBLISH, json={}))["code"] == "nothing_drafted"
        assert (await api.put(DRAFT, json=PRICES)).json()["content"]["entries"] == [{**ENTRY, "per": 1}]
        one = (await api.post(PUBLISH, json={})).json()
        assert one["number"] == 1
        assert (await api.post(PUBLISH, json={})).json() == one, "twice changes nothing"

        dearer = {**PRICES, "entries": [{**ENTRY, "amount_nano": "400"}]}
        assert problem(await api.put(DRAFT, json=dearer))["code"] == "precondition_required"
        await revise(api, DRAFT, dearer)
        later = {"in_force_from": "2027-01-01T00:00:00Z", "corrects": [one["version"], "2026-11"]}
        two = (await api.post(PUBLISH, json=later)).json()
        assert (two["number"], two["in_force_from"]) == (2, "2027-01-01T00:00:00.000000Z")

        listed = (await api.get("/api/price-books")).json()["data"]
        assert [(book["number"], book["version"], book["in_force"]) for book in listed] == [
            (2, two["version"], False),
            (1, one["version"], True),
            (None, "2026-11", False),
        ]
        assert listed[0]["corrects"] == later["corrects"]
        found = (await api.get(f"/api/price-books/{one['version']}")).json()["content"]
        assert found == {**PRICES, "entries": [{**ENTRY, "per": 1}]}
        assert (await api.get("/api/price-books/2026-11")).json()["content"]["currency"] == "USD"
        between = {"before": one["version"], "after": two["version"]}
        assert (await api.get("/api/price-books/diff", params=between)).json()["data"] == [
            {
                "pointer": "/prices/openai~1gpt-4.1-mini~1input_tokens/amount_nano",
                "before": "380.5",
                "after": "400",
            }
        ]
        for path in (f"/api/price-books/{'f' * 64}", f"/api/price-books/diff?before=1999-01&after={one['version']}"):
            assert problem(await api.get(path))["code"] == "price_book_not_found"
        for wrong, at in (
            ({**PRICES, "entries": [{**ENTRY, "amount_nano": "-1"}]}, "/entries/0/amount_nano"),
            ({**PRICES, "currency": "dollars"}, "/currency"),
        ):
            refused = await api.put(DRAFT, json=wrong, headers={"If-Match": "*"})
            assert (refused.status_code, problem(refused)["errors"][0]["pointer"]) == (400, at)
        assert problem(await api.post(PUBLISH, json={"corrects": ["1999-01"]}))["code"] == "invalid_publication"


async def test_limits_are_set_as_a_whole_and_every_version_is_kept(nats_url: str, database: str) -> None:
    async with a_config_api(nats_url, database) as api:
        nothing = await api.get("/api/limits")
        assert (nothing.json()["number"], "etag" in nothing.headers) == (0, False)
        first = {"max_sessions": 3, "monthly_budget_nano": 10**12}
        answer = await api.put("/api/limits", json=first)
        assert (answer.json()["number"], answer.json()["limits"]["monthly_budget_nano"]) == (1, 10**12)
        assert problem(await api.put("/api/limits", json={}))["code"] == "precondition_required"
        await revise(api, "/api/limits", {"starts_per_minute": 60})
        told = (await api.get("/api/limits")).json()
        assert (told["number"], told["limits"]["max_sessions"], told["limits"]["starts_per_minute"]) == (2, None, 60)
        history = (await api.get("/api/limits/versions")).json()["data"]
        assert [(one["number"], one["limits"]["max_sessions"]) for one in history] == [(2, None), (1, 3)]
        for wrong in ({"monthly_budget_nano": 2**53}, {"session_budget_nano": 2, "monthly_budget_nano": 1}):
            assert (await api.put("/api/limits", json=wrong, headers={"If-Match": "*"})).status_code == 400

        await define(api)
        tag = (await api.get("/api/templates/help")).headers["etag"]
        for budget, status in ((-1, 400), (2**53, 400), (10**9, 200)):
            draft = {**TEMPLATE, "limits": {"budget_nano": budget}}
            written = await api.put("/api/templates/help", json=draft, headers={"If-Match": tag})
            tag = written.headers["etag"]
            assert (await api.post("/api/templates/help/publish")).status_code == status
