"""When a session ends because nobody is there."""

import pytest

from contracts.template_version import Limits
from runtime.domain.grace import Awaited, Due, Gone, Here, absence_ms, due, joined, left, noted

pytestmark = pytest.mark.unit

LIMITS = Limits(grace_s=30, join_timeout_s=60)


def test_nobody_within_the_join_timeout_is_a_no_show() -> None:
    assert due(Awaited(100.0), LIMITS) == Due(160.0, "no_show")


def test_while_the_participant_is_here_nothing_is_due() -> None:
    assert due(joined(Awaited(0.0)), LIMITS) is None


def test_an_absence_is_noted_after_a_blink_and_ends_the_session_after_the_grace() -> None:
    gone = left(Here(), now=10.0)
    assert due(gone, LIMITS) == Due(10.5, "note_absence")
    assert due(noted(gone), LIMITS) == Due(40.0, "user_left")


def test_a_return_within_a_blink_was_no_absence() -> None:
    gone = left(Here(), now=10.0)
    assert absence_ms(gone, now=10.2) is None
    assert absence_ms(noted(gone), now=12.5) == 2500


def test_leaving_twice_or_before_arriving_changes_nothing() -> None:
    gone = left(Here(), now=10.0)
    assert left(gone, now=20.0) == gone
    assert left(Awaited(0.0), now=20.0) == Awaited(0.0)
    assert noted(Here()) == Here()


def test_without_grace_the_end_follows_the_leaving() -> None:
    none = Limits(grace_s=0)
    assert due(Gone(10.0), none) == Due(10.0, "note_absence")
    assert due(Gone(10.0, noted=True), none) == Due(10.0, "user_left")
