"""What may enter a panel's state, at the edges."""

import pytest

from contracts.panels.plain import MAX_DEPTH, MAX_INTEGER, plain_object
from contracts.panels.refusals import BadSchema

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        float("nan"),
        float("inf"),
        1e300,
        MAX_INTEGER + 1,
        -MAX_INTEGER - 1,
        [None],
        [{"a": None}],
        "\ud800",
        {"\udfff": 1},
        {"__proto__": {}},
        {1: "a"},
        {1, 2},
        b"bytes",
    ],
    ids=repr,
)
def test_what_a_browser_could_not_read_alike_is_refused(value: object) -> None:
    with pytest.raises(BadSchema) as refused:
        plain_object({"x": {"y": value}}, "args")
    assert str(refused.value).startswith("args.x")


def test_the_greatest_integers_true_null_members_and_any_text_pass() -> None:
    value = {"a": [MAX_INTEGER, -MAX_INTEGER, True], "b": None, "c": {"d": None}, "e": "🙂\0", "": {}}
    assert plain_object(value, "args") == value


def test_whole_floats_become_integers() -> None:
    assert repr(plain_object({"a": 7.0, "b": [-0.0]}, "args")) == repr({"a": 7, "b": [0]})


def test_nesting_is_bounded_long_before_the_interpreter_stack_is() -> None:
    def nested(levels: int) -> dict[str, object]:
        value: dict[str, object] = {}
        for _ in range(levels - 1):
            value = {"a": value}
        return value

    plain_object(nested(MAX_DEPTH), "args")
    for levels in (MAX_DEPTH + 1, 900):
        with pytest.raises(BadSchema, match="nested deeper"):
            plain_object(nested(levels), "args")
