"""Commands are judged by the kind's schema before a live job is asked."""

from typing import Any

import pytest

from contracts.panels.registry import builtin
from panel_bridge.domain.commanding import BadAction, BadArguments, check_command

pytestmark = pytest.mark.unit

IDE = builtin()["coding_ide"]


@pytest.mark.parametrize(
    ("action", "args"),
    [
        ("highlight_lines", {"lines": [1, 2]}),
        ("set_code", {"code": ""}),
        ("open", {"language": "python"}),
        ("close", {}),
    ],
)
def test_what_the_schema_allows_passes(action: str, args: dict[str, Any]) -> None:
    check_command(IDE, action, args)


@pytest.mark.parametrize(
    ("action", "args", "pointer"),
    [
        ("highlight_lines", {"lines": [1, "2"]}, "/args/lines/1"),
        ("highlight_lines", {}, "/args"),
        ("set_code", {"code": "", "mode": "fast"}, "/args"),
        ("open", {}, "/args"),
        ("close", {"now": True}, "/args"),
    ],
)
def test_what_it_does_not_allow_is_pointed_at(action: str, args: dict[str, Any], pointer: str) -> None:
    with pytest.raises(BadArguments) as refused:
        check_command(IDE, action, args)
    assert [error.pointer for error in refused.value.errors] == [pointer]


def test_an_unknown_command_is_refused_with_those_there_are() -> None:
    with pytest.raises(BadAction) as refused:
        check_command(IDE, "explode", {})
    assert "highlight_lines" in refused.value.errors[0].detail


def test_a_refusal_never_quotes_what_was_written() -> None:
    with pytest.raises(BadArguments) as refused:
        check_command(IDE, "set_code", {"code": ["secret words"], "more": "secret words"})
    assert "secret" not in str(refused.value.errors)


def test_a_kind_that_is_not_built_in_is_left_to_the_job() -> None:
    check_command(None, "anything", {"goes": 1})
