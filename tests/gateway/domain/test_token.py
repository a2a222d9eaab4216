"""What a participant's token may do."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.gateway_views import USER, a_request

from contracts.ids import SessionId
from contracts.template_version import ModalityProfile, SourceMode
from gateway.domain.token import grant_for, participant_identity, publishable

pytestmark = pytest.mark.unit

MODES: st.SearchStrategy[SourceMode] = st.sampled_from(["off", "on_request", "on_start"])


@given(camera=MODES, screen=MODES)
def test_a_source_may_be_published_exactly_when_the_profile_has_it_not_off(
    camera: SourceMode, screen: SourceMode
) -> None:
    sources = publishable(ModalityProfile(camera=camera, screen=screen))

    assert sources[0] == "microphone"
    assert ("camera" in sources) == (camera != "off")
    assert ("screen_share" in sources) == (screen != "off")
    assert len(sources) == 1 + (camera != "off") + (screen != "off")


def test_the_metadata_is_exactly_what_the_founding_document_lists() -> None:
    grant = grant_for(a_request(profile=ModalityProfile(camera="on_request")), ttl_s=300)

    assert msgspec.json.decode(grant.metadata) == {
        "session_template_id": "tpl_1",
        "user_id": "anna",
        "modality_profile": {"camera": "on_request", "screen": "off"},
        "enabled_panels": ["notepad"],
    }
    assert (grant.room, grant.identity, grant.ttl_s) == ("ses_1", USER, 300)


@given(st.integers(min_value=1, max_value=100_000))
def test_no_token_lives_longer_than_ten_minutes(ttl_s: int) -> None:
    assert grant_for(a_request(), ttl_s=ttl_s).ttl_s <= 600


def test_an_identity_is_the_same_for_the_same_person_in_the_same_session_only() -> None:
    first = participant_identity(b"secret", session=SessionId("ses_1"), user_id="anna")

    assert participant_identity(b"secret", session=SessionId("ses_1"), user_id="anna") == first
    assert participant_identity(b"secret", session=SessionId("ses_2"), user_id="anna") != first
    assert participant_identity(b"secret", session=SessionId("ses_1"), user_id="berta") != first
    assert participant_identity(b"other", session=SessionId("ses_1"), user_id="anna") != first
    assert "anna" not in first
