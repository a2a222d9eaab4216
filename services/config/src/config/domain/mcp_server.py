"""An MCP server: written, its tools approved, one of them disabled, archived. Credentials never come here, only an id.

What was approved stands for one URL: with another, another server might answer, and nothing is approved any more.
"""

from collections.abc import Mapping, Sequence
from typing import assert_never, cast

import msgspec

from chassis.decider import Decider
from chassis.errors import Conflict, FieldError, InvalidInput, NotFound
from config.domain.pointers import pointer
from contracts.commands.mcp import SeenChange
from contracts.events.mcp_server import (
    McpServerApproved,
    McpServerArchived,
    McpServerCreated,
    McpServerEvent,
    McpServerRevised,
    McpServerSecretReplaced,
    McpServerToolDisabled,
    WhyDisabled,
)
from contracts.mcp_server import McpServer
from contracts.registry import EventData

MAX_APPROVED = 100
"""Tools of one server: one event may hold them all."""


class Credentials(msgspec.Struct, frozen=True):
    """The id of what is presented (empty for nothing), and the names of its headers."""

    secret: str = ""
    headers: list[str] = []


class Write(msgspec.Struct, frozen=True):
    """Bring the server into being, or have it read so; other credentials where they are given."""

    definition: McpServer
    credentials: Credentials | None = None


class Approve(msgspec.Struct, frozen=True):
    """Let agents have these tools, each as its hash says; calls of those in `idempotent` may be repeated."""

    tools: Mapping[str, str]
    idempotent: Sequence[str] = ()


class Disable(msgspec.Struct, frozen=True):
    """Take these tools away: the server offers them no longer as they were approved."""

    changes: Sequence[SeenChange]


class Archive(msgspec.Struct, frozen=True):
    """Take it out of use, now."""


class Approval(msgspec.Struct, frozen=True):
    """One tool as it was approved."""

    hash: str
    idempotent: bool = False


class Disabled(msgspec.Struct, frozen=True):
    """Why a tool is disabled, and the hash of what was seen instead of it."""

    why: WhyDisabled
    seen: str


class Absent(msgspec.Struct, frozen=True):
    """Nothing was written yet."""


class Written(msgspec.Struct, frozen=True):
    """A definition, the credentials in force, what was ever approved, and what of it is disabled."""

    definition: McpServer
    credentials: Credentials = Credentials()
    approved: dict[str, Approval] = {}
    disabled: dict[str, Disabled] = {}
    archived: bool = False

    @property
    def usable(self) -> dict[str, Approval]:
        """The tools that agents may have and sessions may call now."""
        if self.archived:
            return {}
        return {
            name: approval
            for name, approval in self.approved.items()
            if name not in self.disabled and self.allows(name)
        }

    def allows(self, tool: str) -> bool:
        """Whether the definition lets the tool be used at all."""
        return self.definition.allowed_tools is None or tool in self.definition.allowed_tools


State = Absent | Written
Command = Write | Approve | Disable | Archive


class ServerArchived(Conflict):
    """An archived server is neither revised nor approved."""

    code, title = "mcp_server_archived", "The MCP server is archived"


def evolve(state: State, event: EventData) -> State:
    """State after one event."""
    known = cast(McpServerEvent, event)
    if isinstance(known, McpServerCreated):
        return Written(known.definition, Credentials(known.secret, known.headers))
    assert isinstance(state, Written)
    match known:
        case McpServerRevised(definition=definition) if definition.url != state.definition.url:
            return msgspec.structs.replace(state, definition=definition, approved={}, disabled={})
        case McpServerRevised(definition=definition):
            return msgspec.structs.replace(state, definition=definition)
        case McpServerSecretReplaced(secret=secret, headers=headers):
            return msgspec.structs.replace(state, credentials=Credentials(secret, headers))
        case McpServerApproved(tools=tools, idempotent=idempotent):
            new = {name: Approval(hash, name in idempotent) for name, hash in tools.items()}
            left = {name: why for name, why in state.disabled.items() if name not in tools}
            return msgspec.structs.replace(state, approved={**state.approved, **new}, disabled=left)
        case McpServerToolDisabled(tool=tool, why=why, seen=seen):
            return msgspec.structs.replace(state, disabled={**state.disabled, tool: Disabled(why, seen)})
        case McpServerArchived():
            return msgspec.structs.replace(state, archived=True)
        case _:
            assert_never(known)


def decide(command: Command, state: State) -> list[EventData]:
    """Events of a command; raises NotFound, ServerArchived, InvalidInput."""
    if isinstance(state, Absent):
        if isinstance(command, Write):
            held = command.credentials or Credentials()
            return [McpServerCreated(definition=command.definition, secret=held.secret, headers=held.headers)]
        raise NotFound("no such MCP server")
    match command:
        case Archive():
            return [] if state.archived else [McpServerArchived()]
        case Disable(changes):
            return _disabled(changes, state)
        case _ if state.archived:
            raise ServerArchived
        case Write():
            return _revised(command, state)
        case Approve():
            return _approved(command, state)
        case _:
            assert_never(command)


def _revised(command: Write, state: Written) -> list[EventData]:
    events: list[EventData] = []
    if command.definition != state.definition:
        events.append(McpServerRevised(definition=command.definition))
    if command.credentials is not None and command.credentials != state.credentials:
        held = command.credentials
        events.append(McpServerSecretReplaced(secret=held.secret, headers=held.headers))
    return events


def _approved(command: Approve, state: Written) -> list[EventData]:
    wrong = [
        FieldError(pointer("tools", name), "not_allowed", f"{name[:64]} is not among the server's allowed_tools")
        for name in command.tools
        if not state.allows(name)
    ]
    if len(state.approved.keys() | command.tools.keys()) > MAX_APPROVED:
        wrong.append(FieldError("/tools", "too_many", f"at most {MAX_APPROVED} tools of a server are approved"))
    if wrong:
        raise InvalidInput(wrong[0].detail, errors=wrong)
    wanted = {name: Approval(hash, name in command.idempotent) for name, hash in command.tools.items()}
    if all(state.usable.get(name) == approval for name, approval in wanted.items()):
        return []
    return [McpServerApproved(tools=dict(command.tools), idempotent=sorted(command.idempotent))]


def _disabled(changes: Sequence[SeenChange], state: Written) -> list[EventData]:
    """What was approved meanwhile as it was seen stays, and so does what is disabled already."""
    return [
        McpServerToolDisabled(tool=change.tool, why=change.why, seen=change.seen)
        for change in changes
        if change.tool in state.usable and state.usable[change.tool].hash != change.seen
    ]


MCP_SERVER: Decider[Command, EventData, State] = Decider(initial=Absent(), evolve=evolve, decide=decide)
