"""Given, when, then: an MCP server and its tools."""

import pytest

from chassis.errors import InvalidInput, NotFound
from config.domain.mcp_server import (
    MAX_APPROVED,
    MCP_SERVER,
    Approve,
    Archive,
    Command,
    Credentials,
    Disable,
    ServerArchived,
    Write,
    Written,
)
from contracts.commands.mcp import SeenChange
from contracts.events.mcp_server import (
    McpServerApproved,
    McpServerArchived,
    McpServerCreated,
    McpServerRevised,
    McpServerSecretReplaced,
    McpServerToolDisabled,
)
from contracts.mcp_server import McpServer
from contracts.registry import EventData

pytestmark = pytest.mark.unit

A = McpServer(url="https://mcp.example.com/mcp")
B = McpServer(url="https://mcp.example.com/mcp", timeout_s=5)
ELSEWHERE = McpServer(url="https://mcp.example.org/mcp")
H, G = "a" * 64, "b" * 64
CREATED = McpServerCreated(definition=A, secret="sct_1", headers=["Authorization"])
APPROVED = McpServerApproved(tools={"search": H, "fetch": G}, idempotent=["search"])
DISABLED = McpServerToolDisabled(tool="search", why="changed", seen=G)


def given(*events: EventData) -> Written:
    state = MCP_SERVER.fold(events)
    assert isinstance(state, Written)
    return state


def changed(tool: str, seen: str = G) -> Disable:
    return Disable([SeenChange(tool=tool, why="changed", seen=seen)])


def test_a_server_is_created_and_revised_by_what_changed_and_nothing_else() -> None:
    held = Credentials("sct_1", ["Authorization"])
    assert MCP_SERVER.decide(Write(A, held), MCP_SERVER.initial) == [CREATED]
    state = given(CREATED)
    assert MCP_SERVER.decide(Write(A), state) == []
    assert MCP_SERVER.decide(Write(B), state) == [McpServerRevised(definition=B)]
    assert MCP_SERVER.decide(Write(A, Credentials()), state) == [McpServerSecretReplaced()]
    assert len(MCP_SERVER.decide(Write(B, Credentials("sct_2", ["X-Key"])), state)) == 2


def test_what_is_approved_is_usable_until_it_is_disabled_and_then_until_it_is_approved_again() -> None:
    assert MCP_SERVER.decide(Approve({"search": H, "fetch": G}, ["search"]), given(CREATED)) == [APPROVED]
    state = given(CREATED, APPROVED)
    assert {name: one.hash for name, one in state.usable.items()} == {"search": H, "fetch": G}
    assert state.usable["search"].idempotent
    assert MCP_SERVER.decide(Approve({"search": H}, ["search"]), state) == []
    assert MCP_SERVER.decide(changed("search"), state) == [DISABLED]
    disabled = given(CREATED, APPROVED, DISABLED)
    assert list(disabled.usable) == ["fetch"]
    assert MCP_SERVER.decide(changed("search"), disabled) == []
    again = MCP_SERVER.decide(Approve({"search": H}), disabled)
    assert again == [McpServerApproved(tools={"search": H})], "also as it was before: somebody looked"
    assert set(given(CREATED, APPROVED, DISABLED, *again).usable) == {"search", "fetch"}


def test_what_was_approved_as_it_was_seen_or_never_at_all_is_not_disabled() -> None:
    state = given(CREATED, APPROVED)
    assert MCP_SERVER.decide(changed("search", seen=H), state) == []
    assert MCP_SERVER.decide(changed("other"), state) == []


def test_another_url_takes_every_approval_back_and_another_timeout_none() -> None:
    assert given(CREATED, APPROVED, DISABLED, McpServerRevised(definition=B)).disabled
    moved = given(CREATED, APPROVED, DISABLED, McpServerRevised(definition=ELSEWHERE))
    assert (moved.approved, moved.disabled, moved.usable) == ({}, {}, {})


def test_only_allowed_tools_are_approved_and_used() -> None:
    narrow = McpServer(url=A.url, allowed_tools=["fetch"])
    state = given(CREATED, APPROVED, McpServerRevised(definition=narrow))
    assert list(state.usable) == ["fetch"]
    with pytest.raises(InvalidInput) as caught:
        MCP_SERVER.decide(Approve({"search": H}), state)
    assert [error.pointer for error in caught.value.errors] == ["/tools/search"]


def test_no_more_tools_are_approved_than_one_event_may_hold() -> None:
    with pytest.raises(InvalidInput):
        MCP_SERVER.decide(Approve({f"t{n}": H for n in range(MAX_APPROVED)}), given(CREATED, APPROVED))


def test_an_archived_server_has_no_usable_tool_and_is_left_as_it_is() -> None:
    state = given(CREATED, APPROVED, McpServerArchived())
    assert state.usable == {}
    assert MCP_SERVER.decide(Archive(), state) == []
    assert MCP_SERVER.decide(changed("search"), state) == []
    for command in (Write(B), Approve({"search": H})):
        with pytest.raises(ServerArchived):
            MCP_SERVER.decide(command, state)


@pytest.mark.parametrize("command", [Approve({"search": H}), changed("search"), Archive()])
def test_what_is_not_there_is_not_found(command: Command) -> None:
    with pytest.raises(NotFound):
        MCP_SERVER.decide(command, MCP_SERVER.initial)
