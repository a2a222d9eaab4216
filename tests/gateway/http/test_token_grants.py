"""Whatever is sent to start a session, the token that comes back allows what the published template allows: one room,
its own, and its sources.
"""

import contextlib
import json
from typing import Any

import httpx
import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.gateways import LIVEKIT_KEY, LIVEKIT_SECRET, START, TEMPLATE, a_gateway, gateway_settings, seed
from tests.support.private_loop import PrivateLoop

from gateway.adapters.memory_livekit import MemoryLiveKit

pytestmark = pytest.mark.integration

WORDS = [
    *("video", "roomAdmin", "roomCreate", "canPublishSources", "canUpdateOwnMetadata", "room", "roomConfig", "sip"),
    *("attributes", "kind", "modality_profile", "camera", "screen", "enabled_panels", "identity", "sub", "ttl_s"),
]
GREEDY = (
    '{"roomAdmin": true}',
    '{"camera": "on_start", "screen": "on_start"}',
    "screen_share",
    "*",
    "on_start",
    '","video":{"roomAdmin":true},"x":"',
    "agent",
    "true",
)
TEXT = st.sampled_from([*WORDS, *GREEDY]) | st.text(max_size=40)
NAME = st.sampled_from(WORDS) | st.text(max_size=20)
PAIRS = st.dictionaries(NAME, TEXT, max_size=4)
BODIES = st.fixed_dictionaries(
    {
        "template_id": st.sampled_from([*[TEMPLATE] * 6, f"{TEMPLATE}@prod", "other"]),
        "user_info": st.fixed_dictionaries(
            {"id": TEXT}, optional={"name": TEXT, "preferences": PAIRS, "metadata": PAIRS, "modality_profile": PAIRS}
        ),
    },
    optional={
        "metadata": PAIRS,
        "variables": st.dictionaries(NAME, TEXT | st.booleans() | st.integers(-9, 9), max_size=3),
        "external_id": st.sampled_from([*WORDS, GREEDY[0]]),
        "initial_agent": st.sampled_from(["triage", "triage", "admin"]),
    },
)
UNKNOWN = st.dictionaries(
    NAME, st.recursive(TEXT | st.booleans(), lambda inner: st.dictionaries(NAME, inner), max_leaves=3)
)
HEADERS = st.fixed_dictionaries(
    {}, optional={"Baton-Mode": st.sampled_from(["live", "test"]), "Origin": st.just("null")}
)


def claims_of(started: dict[str, Any]) -> dict[str, Any]:
    """All claims of the token; what is this session's own is checked, and taken out."""
    claims: dict[str, Any] = jwt.decode(
        started["access_token"], LIVEKIT_SECRET, algorithms=["HS256"], issuer=LIVEKIT_KEY, leeway=5
    )
    assert claims["video"].pop("room") == started["session_id"]
    assert claims.pop("sub").startswith("user-")
    assert 0 < claims.pop("exp") - claims.pop("nbf") <= 600
    metadata = json.loads(claims.pop("metadata"))
    del metadata["user_id"]  # the caller's own word for the person
    return {**claims, "metadata": metadata}


def test_no_input_widens_what_a_token_grants(nats_url: str, database: str, private_loop: PrivateLoop) -> None:
    of_gateway = gateway_settings(nats_url, database)
    key = private_loop.run(seed(of_gateway, max_sessions=1000))
    started: list[str] = []

    async def start(gateway: httpx.AsyncClient, body: object, headers: dict[str, str]) -> httpx.Response:
        return await gateway.post("/api/session/start", json=body, headers=headers)

    stack = contextlib.AsyncExitStack()
    gateway = private_loop.run(stack.enter_async_context(a_gateway(of_gateway, key, rooms=MemoryLiveKit())))
    try:
        plain = claims_of(private_loop.run(start(gateway, START, {})).json())
        assert plain["video"]["canPublishSources"] == ["microphone", "camera"], "screen is off in this template"
        assert plain["metadata"]["modality_profile"] == {"camera": "on_request", "screen": "off"}

        @settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(body=BODIES, unknown=st.one_of(st.just({}), st.just({}), UNKNOWN), headers=HEADERS)
        def widens_nothing(body: dict[str, Any], unknown: dict[str, Any], headers: dict[str, str]) -> None:
            answer = private_loop.run(start(gateway, {**unknown, **body}, headers))
            if answer.status_code != 201:
                assert 400 <= answer.status_code < 500
                return
            assert claims_of(answer.json()) == plain
            started.append(answer.json()["session_id"])

        widens_nothing()
    finally:
        private_loop.run(stack.aclose())
    assert len(started) >= 20, "refusals alone would show nothing"
