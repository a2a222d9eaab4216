"""What keys there may be, and how one ends."""

from datetime import UTC, datetime, timedelta

import pytest

from config.domain.api_key import API_KEY, BadKey, Issue, KeyIsOver, Replace, Revoke
from contracts.envelope import format_time
from contracts.events.api_key import ApiKeyExpirySet, ApiKeyIssued, ApiKeyRevoked
from contracts.ids import TemplateId

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def a_publishable(**more: object) -> Issue:
    given = {
        "scopes": ["sessions:write"],
        "kind": "publishable",
        "origins": ["https://app.example.com"],
        "templates": [TemplateId("help")],
        **more,
    }
    return Issue(digest="d", hint="…abcd", livemode=True, now=NOW, **given)  # type: ignore[arg-type]


def issued(expires_at: datetime | None = None) -> ApiKeyIssued:
    (event,) = API_KEY.decide(a_publishable(expires_at=expires_at), API_KEY.initial)
    assert isinstance(event, ApiKeyIssued)
    return event


def test_a_publishable_key_is_issued_with_its_origins_and_templates() -> None:
    event = issued(NOW + HOUR)
    assert (event.kind, event.origins, event.templates) == ("publishable", ["https://app.example.com"], ["help"])
    assert event.expires_at == format_time(NOW + HOUR)


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"scopes": ["sessions:write", "sessions:read"]}, "/scopes"),
        ({"scopes": ["cash:write"]}, "/scopes"),
        ({"scopes": []}, "/scopes"),
        ({"origins": []}, "/origins"),
        ({"templates": []}, "/templates"),
        ({"origins": [f"https://a{n}.com" for n in range(51)]}, "/origins"),
        ({"origins": ["https://*.example.com"]}, "/origins/0"),
        ({"origins": ["https://ok.com", "ok.com"]}, "/origins/1"),
        ({"origins": ["https://app.example.com/path"]}, "/origins/0"),
        ({"origins": ["null"]}, "/origins/0"),
        ({"expires_at": NOW}, "/expires_at"),
        ({"kind": "secret"}, "/origins"),
    ],
)
def test_a_key_that_there_cannot_be_is_refused_with_a_pointer(wrong: dict[str, object], pointer: str) -> None:
    with pytest.raises(BadKey) as refused:
        API_KEY.decide(a_publishable(**wrong), API_KEY.initial)
    assert pointer in {error.pointer for error in refused.value.errors}


def test_a_replaced_key_ends_after_the_overlap_but_not_later_than_it_would_have() -> None:
    replace = Replace(at=NOW + HOUR, now=NOW)
    assert API_KEY.decide(replace, API_KEY.fold([issued()])) == [ApiKeyExpirySet(expires_at=format_time(NOW + HOUR))]
    assert API_KEY.decide(replace, API_KEY.fold([issued(NOW + 2 * HOUR)])) != []
    assert API_KEY.decide(replace, API_KEY.fold([issued(NOW + HOUR / 2)])) == []


def test_a_key_that_is_over_is_not_replaced_and_revoking_it_twice_changes_nothing() -> None:
    with pytest.raises(KeyIsOver):
        API_KEY.decide(Replace(at=NOW + HOUR, now=NOW + HOUR), API_KEY.fold([issued(NOW + HOUR)]))
    revoked = API_KEY.fold([issued(), ApiKeyRevoked()])
    with pytest.raises(KeyIsOver):
        API_KEY.decide(Replace(at=NOW + HOUR, now=NOW), revoked)
    assert API_KEY.decide(Revoke(), revoked) == []
