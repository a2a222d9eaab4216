"""Which sessions a suspension ends."""

import pytest
from tests.support.gateway_views import START_S, a_request, admitted, ended, fold, nothing_yet

from gateway.domain.suspension import Standing, must_end
from gateway.domain.view import SessionView

pytestmark = pytest.mark.unit

SUSPENDED = Standing(suspended=True, at_s=START_S + 10, by="op_grace")
RESUMED = Standing(suspended=False, at_s=START_S + 10, by="op_grace")


def later() -> SessionView:
    """A session that was let in after the suspension."""
    return fold(nothing_yet(), a_request(), at_s=START_S + 20)


def test_a_session_of_a_customer_in_good_standing_goes_on() -> None:
    assert not must_end(admitted(), Standing())


def test_a_suspension_ends_every_open_session_also_one_that_slipped_in_later() -> None:
    assert must_end(admitted(), SUSPENDED)
    assert must_end(later(), SUSPENDED)


def test_a_suspension_that_is_over_has_ended_what_was_open_before_it_and_nothing_since() -> None:
    assert must_end(admitted(), RESUMED)
    assert not must_end(later(), RESUMED)


def test_what_is_over_or_never_began_is_left_alone() -> None:
    assert not must_end(ended(admitted()), SUSPENDED)
    assert not must_end(nothing_yet(), SUSPENDED)
