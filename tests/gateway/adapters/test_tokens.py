"""The JWT of a participant, decoded, under each of the nine profiles that have names: the whole of it, as LiveKit reads
it.
"""

import json
from typing import Any

import jwt
import pytest
from tests.support.gateway_views import USER, a_request

from contracts.modality import PRESETS, PresetName
from gateway.adapters.livekit import LiveKitTokens
from gateway.domain.token import grant_for

pytestmark = pytest.mark.unit

SECRET = "test-secret-of-32-characters-long"
GOLDEN: dict[PresetName, tuple[list[str], str, str]] = {
    "general_chat": (["microphone"], "off", "off"),
    "interview_verbal": (["microphone"], "off", "off"),
    "interview_identity": (["microphone", "camera"], "on_start", "off"),
    "interview_code": (["microphone", "screen_share"], "off", "on_start"),
    "interview_full": (["microphone", "camera", "screen_share"], "on_start", "on_start"),
    "it_support_verbal": (["microphone"], "off", "off"),
    "it_support_screen": (["microphone", "screen_share"], "off", "on_request"),
    "sales_demo": (["microphone", "camera", "screen_share"], "on_start", "on_request"),
    "tutoring_screen": (["microphone", "screen_share"], "off", "on_request"),
}
"""(sources that may be published, camera, screen) by the founding document's table (§5.4)."""


def decoded(token: str) -> dict[str, Any]:
    """All claims of a token of ours; its times are checked, and taken out."""
    claims: dict[str, Any] = jwt.decode(token, SECRET, algorithms=["HS256"], issuer="test")
    assert claims.pop("exp") - claims.pop("nbf") == 300
    return claims


def test_every_profile_that_has_a_name_has_its_golden_token() -> None:
    assert GOLDEN.keys() == PRESETS.keys()


@pytest.mark.parametrize("preset", GOLDEN)
def test_a_token_says_what_its_profile_allows_and_nothing_else(preset: PresetName) -> None:
    sources, camera, screen = GOLDEN[preset]
    tokens = LiveKitTokens(url="ws://livekit.test", key="test", secret=SECRET)
    claims = decoded(tokens.mint(grant_for(a_request(profile=PRESETS[preset]), ttl_s=300)))
    metadata = json.loads(claims.pop("metadata"))

    assert claims == {
        "iss": "test",
        "sub": USER,
        "video": {
            "roomJoin": True,
            "room": "ses_1",
            "canPublish": True,
            "canSubscribe": True,
            "canPublishData": True,
            "canPublishSources": sources,
            "canUpdateOwnMetadata": False,
        },
    }
    assert metadata == {
        "session_template_id": "tpl_1",
        "user_id": "anna",
        "modality_profile": {"camera": camera, "screen": screen},
        "enabled_panels": ["notepad"],
    }
