"""The shape of a panel kind file: schemas for open arguments, commands, events and state, effects, tool names.

Pure carriers: nothing here validates a value. `registry.decode_kind` is the only door through which a file becomes a
`PanelKind`, since it also makes the checks that types cannot express.
"""

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

_NAME = "^[a-z][a-z0-9_]{0,63}$(?!\n)"

#: A command, an event or a tool. `(?!\n)`: Python's `$` would let a trailing newline pass.
Name = Annotated[str, msgspec.Meta(pattern=_NAME)]
#: Shorter than `Name`, so that `control_<kind>` is within the 64 characters that model providers allow.
KindName = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]{0,47}$(?!\n)")]
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
#: Read by models and by people.
Description = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
#: A JSON Schema (2020-12) of an object, as decoded JSON.
Schema = dict[str, object]
#: A template of contracts.panels.template, as decoded JSON.
Template = object


class OpenSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a panel opens: the schema of the arguments, and the first state as a template over `$args`."""

    schema: Schema
    initial: dict[str, object]
    description: Description | None = None


class CommandSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an agent or an operator may ask of an open panel. `effect`: merge patch template over `$args`, `$state`."""

    description: Description
    schema: Schema
    effect: Template


class EventSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the browser reports. `debounce_ms`: how long it waits for the user to pause before it says so."""

    schema: Schema
    effect: Template
    description: Description | None = None
    debounce_ms: Annotated[int, msgspec.Meta(ge=0, le=10_000)] | None = None


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tool with a name of its own: one command (`command`), or some properties of the state (`read`); never both.

    A tool that reads takes the place of the generated `read_<kind>`.
    """

    name: Name
    description: Description
    command: Name | None = None
    read: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=64)] | None = None


class PanelKindFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the author of a kind writes; its name and its version are given where it is kept.

    `url`: the page that shows a customer's kind, in a sandboxed iframe. Built-in kinds have none: the web knows them.
    """

    title: Title
    description: Description
    open: OpenSpec
    commands: dict[Name, CommandSpec]
    events: dict[Name, EventSpec]
    state_schema: Schema
    tools: tuple[ToolSpec, ...] = ()
    url: str | UnsetType = UNSET


class PanelKind(PanelKindFile, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of panel. `kind` is its id in tools, templates, the wire and `SessionContext.panel_state`."""

    kind: KindName
    version: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]

    @property
    def file(self) -> PanelKindFile:
        """As its author wrote it."""
        fields = msgspec.structs.fields(PanelKindFile)
        return PanelKindFile(**{field.name: getattr(self, field.name) for field in fields})
