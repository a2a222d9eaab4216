"""An alias gives each session its version by the session's id alone, in the shares that its weights say."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.ids import new_id
from contracts.aliases import AliasTarget, InvalidAlias, check_alias, choose, parse_reference
from contracts.ids import InvalidId, SessionId, VersionHash

pytestmark = pytest.mark.unit


def two(weight: int) -> list[AliasTarget]:
    return [
        AliasTarget(number=1, version=VersionHash("a" * 64), weight=100 - weight),
        AliasTarget(number=2, version=VersionHash("b" * 64), weight=weight),
    ]


@pytest.mark.parametrize("weight", [1, 5, 10, 50, 90])
def test_ten_thousand_sessions_are_shared_out_within_one_percent(weight: int) -> None:
    sessions = [SessionId(f"ses_{number:032x}") for number in range(10_000)]
    chosen = Counter(choose(two(weight), session).number for session in sessions)
    assert abs(chosen[2] / 100 - weight) <= 1


def test_ids_as_they_are_made_are_shared_out_too() -> None:
    chosen = Counter(choose(two(50), SessionId(new_id("ses"))).number for _ in range(2_000))
    assert 850 < chosen[1] < 1150


@given(st.text(st.sampled_from("abcdef0123456789_"), min_size=1, max_size=64), st.integers(1, 99))
def test_a_session_gets_the_same_version_each_time_and_keeps_it_while_a_canary_grows(id: str, weight: int) -> None:
    session = SessionId(id)
    first = choose(two(weight), session)
    assert choose(two(weight), session) == first
    if first.number == 2:
        assert choose(two(min(weight + 10, 99)), session).number == 2


def test_an_alias_of_one_version_leads_there_always() -> None:
    only = [AliasTarget(number=3, version=VersionHash("c" * 64))]
    assert {choose(only, SessionId(f"s{number}")).number for number in range(100)} == {3}


def test_a_reference_is_a_template_with_or_without_an_alias() -> None:
    assert parse_reference("tutoring") == ("tutoring", "")
    assert parse_reference("tutoring@prod") == ("tutoring", "prod")


@pytest.mark.parametrize("text", ["@prod", "a.b@prod", "tpl@", "tpl@Prod", "tpl@a@b", "tpl@3", "tpl@" + "a" * 33])
def test_a_malformed_reference_is_refused(text: str) -> None:
    with pytest.raises((InvalidId, InvalidAlias)):
        parse_reference(text)


def test_an_alias_begins_with_a_letter() -> None:
    assert check_alias("prod-2") == "prod-2"
    with pytest.raises(InvalidAlias):
        check_alias("2-prod")
