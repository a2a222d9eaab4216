"""If-Match: creating needs none, revising says what was read, and a stale reader changes nothing."""

import pytest

from chassis.http.conditions import BadTag, NeedsPrecondition, PreconditionFailed, etag, precondition

pytestmark = pytest.mark.unit


def test_a_tag_is_the_revision_in_quotes() -> None:
    assert etag(7) == {"ETag": '"7"'}
    precondition(etag(7)["ETag"])(7)


@pytest.mark.parametrize(("if_match", "revision"), [(None, 0), ("*", 3), ('"3"', 3), ('"2", "3"', 3)])
def test_what_holds_is_let_through(if_match: str | None, revision: int) -> None:
    precondition(if_match)(revision)


@pytest.mark.parametrize(
    ("if_match", "revision", "refusal"),
    [
        (None, 3, NeedsPrecondition),
        ("*", 0, PreconditionFailed),
        ('"2"', 3, PreconditionFailed),
        ('"3"', 0, PreconditionFailed),
    ],
)
def test_what_does_not_hold_is_refused(if_match: str | None, revision: int, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        precondition(if_match)(revision)


@pytest.mark.parametrize("if_match", ["", "3", 'W/"3"', '"x"', '"3', '"3",', '"-1"'])
def test_what_is_no_strong_tag_of_ours_is_refused(if_match: str) -> None:
    with pytest.raises(BadTag):
        precondition(if_match)
