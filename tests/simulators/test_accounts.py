"""Keys and outages, as the vendors' own clients meet them: who may ask, and which model does not answer."""

from pathlib import Path

import aiohttp
import pytest

from simulators import Scenario, ScenarioError, Simulators
from simulators.scenario import Outage, Vendor, load

pytestmark = pytest.mark.unit

GOOD, BAD = "sk-good-1234", "sk-bad-9999"
KEYS: dict[Vendor, tuple[str, ...]] = {"openai": (GOOD,), "deepgram": (GOOD,), "cartesia": (GOOD,)}
VERSION = {"Cartesia-Version": "2025-04-16"}


def questions(simulators: Simulators, key: str) -> dict[str, tuple[str, dict[str, str]]]:
    """The cheapest authenticated request to each vendor: its address and headers."""
    token = simulators.deepgram_base_url.removesuffix("/listen") + "/auth/token"
    return {
        "openai": (f"{simulators.openai_base_url}/models", {"Authorization": f"Bearer {key}"}),
        "deepgram": (token, {"Authorization": f"Token {key}"}),
        "cartesia": (f"{simulators.cartesia_base_url}/voices?limit=1", {"X-API-Key": key, **VERSION}),
    }


async def statuses(http: aiohttp.ClientSession, simulators: Simulators, key: str) -> dict[str, int]:
    found = {}
    for vendor, (url, headers) in questions(simulators, key).items():
        async with http.get(url, headers=headers) as answer:
            assert isinstance(await answer.json(), dict)
            found[vendor] = answer.status
    return found


async def test_only_the_keys_that_a_scenario_names_are_good(http: aiohttp.ClientSession) -> None:
    async with Simulators(scenario=Scenario(keys=KEYS)) as simulators:
        assert set((await statuses(http, simulators, GOOD)).values()) == {200}
        assert set((await statuses(http, simulators, BAD)).values()) == {401}


async def test_where_a_scenario_names_none_any_key_is_good_and_none_is_not(http: aiohttp.ClientSession) -> None:
    async with Simulators(scenario=Scenario()) as simulators:
        assert set((await statuses(http, simulators, BAD)).values()) == {200}
        assert set((await statuses(http, simulators, "")).values()) == {401}


async def test_a_model_that_is_down_says_so_and_the_end_of_the_key_is_logged(http: aiohttp.ClientSession) -> None:
    scenario = Scenario(outages=(Outage(vendor="openai", model="gpt-4o", status=500),))
    async with Simulators(scenario=scenario) as simulators:
        for model, status in (("gpt-4o", 500), ("gpt-4o-mini", 200)):
            body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
            headers = {"Authorization": f"Bearer {GOOD}"}
            url = f"{simulators.openai_base_url}/chat/completions"
            async with http.post(url, json=body, headers=headers) as answer:
                assert answer.status == status
        assert [(one.model, one.key) for one in simulators.requests] == [("gpt-4o", "1234"), ("gpt-4o-mini", "1234")]


def test_an_outage_whose_model_is_no_pattern_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("outages: [{vendor: openai, model: '('}]")
    with pytest.raises(ScenarioError, match=r"outages\[0\].model: not a regular expression"):
        load(file)
