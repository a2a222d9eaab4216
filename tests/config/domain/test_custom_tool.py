"""Given, when, then: a custom tool."""

import pytest

from chassis.errors import NotFound
from config.domain.custom_tool import CUSTOM_TOOL, Archive, Create, Revise, ToolArchived, ToolExists, Written
from contracts.custom_tool import CustomTool
from contracts.events.custom_tool import (
    CustomToolArchived,
    CustomToolCreated,
    CustomToolRevised,
    CustomToolSecretReplaced,
)

pytestmark = pytest.mark.unit

A = CustomTool(description="Looks up.", parameters={"type": "object"}, url="https://tools.example.com/")
B = CustomTool(description="Looks up well.", parameters={"type": "object"}, url="https://tools.example.com/")
CREATED = CustomToolCreated(definition=A, secret="sct_1")


def test_a_tool_is_created_once() -> None:
    assert CUSTOM_TOOL.decide(Create(A, "sct_1"), CUSTOM_TOOL.initial) == [CREATED]
    with pytest.raises(ToolExists):
        CUSTOM_TOOL.decide(Create(A, "sct_2"), CUSTOM_TOOL.fold([CREATED]))


def test_a_revision_says_what_changed_and_nothing_else() -> None:
    state = CUSTOM_TOOL.fold([CREATED])
    assert CUSTOM_TOOL.decide(Revise(A), state) == []
    assert CUSTOM_TOOL.decide(Revise(B), state) == [CustomToolRevised(definition=B)]
    assert CUSTOM_TOOL.decide(Revise(A, "sct_2"), state) == [CustomToolSecretReplaced(secret="sct_2")]
    assert len(CUSTOM_TOOL.decide(Revise(B, "sct_2"), state)) == 2


def test_an_archived_tool_is_left_as_it_is() -> None:
    state = CUSTOM_TOOL.fold([CREATED, CustomToolArchived()])
    assert state == Written(A, "sct_1", archived=True)
    assert CUSTOM_TOOL.decide(Archive(), state) == []
    with pytest.raises(ToolArchived):
        CUSTOM_TOOL.decide(Revise(B), state)


@pytest.mark.parametrize("command", [Revise(A), Archive()])
def test_what_is_not_there_is_not_found(command: Revise | Archive) -> None:
    with pytest.raises(NotFound):
        CUSTOM_TOOL.decide(command, CUSTOM_TOOL.initial)
