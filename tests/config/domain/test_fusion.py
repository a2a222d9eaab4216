"""Reciprocal rank fusion: what it adds up to, and that agreement beats a single first place."""

import pytest

from config.domain.fusion import K, fused

pytestmark = pytest.mark.unit


def test_a_score_is_the_sum_of_the_reciprocals_of_the_ranks() -> None:
    assert dict(fused([["a", "b"], ["b", "c"]])) == {
        "a": 1 / (K + 1),
        "b": 1 / (K + 2) + 1 / (K + 1),
        "c": 1 / (K + 2),
    }


def test_what_both_rankings_have_comes_before_what_one_has_first() -> None:
    assert [one for one, _ in fused([["a", "x"], ["b", "x"]])] == ["x", "a", "b"]


def test_a_small_constant_prefers_the_first_places() -> None:
    assert [one for one, _ in fused([["a", "x"], ["b", "c", "x"]], k=0)] == ["a", "b", "x", "c"]


def test_one_ranking_stays_as_it_is_and_none_gives_nothing() -> None:
    assert [one for one, _ in fused([["c", "a", "b"]])] == ["c", "a", "b"]
    assert fused([]) == []
    assert fused([[], []]) == []
