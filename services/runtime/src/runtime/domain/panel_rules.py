"""What the kinds of a session's panels allow: arguments, events, and the states that follow from them.

JSON Schema is not read here: the validator is passed in. Every refusal happens before anything has changed.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from contracts.ids import PanelId
from contracts.panels import wire
from contracts.panels.interpreter import command_patch, event_patch, initial_state, patched
from contracts.panels.kind import PanelKind, Schema
from contracts.panels.refusals import BadSchema, TooLarge, UnknownAction, UnknownPanel
from runtime.domain.panel_decisions import Rejected

Validate = Callable[[Schema, Mapping[str, object]], str | None]
"""What is wrong with a value, in words that quote no value; None when it satisfies the schema."""

State = dict[str, Any]

MAX_RECORDED_BYTES = 350 * 1024
"""Of a state, a patch or arguments as JSON: sealed and in base64 they must fit one commit with their envelope."""


class PanelRules:
    """The kinds that a session may use."""

    def __init__(self, *, kinds: Mapping[PanelId, PanelKind], validate: Validate) -> None:
        self._kinds, self._validate = dict(kinds), validate

    def __contains__(self, panel: PanelId) -> bool:
        return panel in self._kinds

    def kind(self, panel: PanelId) -> PanelKind:
        """Raises UnknownPanel."""
        try:
            return self._kinds[panel]
        except KeyError:
            raise UnknownPanel(f"no panel {panel[:64]!r} in this session") from None

    def opened(self, panel: PanelId, args: Mapping[str, object]) -> State:
        """The first state. Raises UnknownPanel, BadSchema, TooLarge."""
        kind = self.kind(panel)
        self._check_args(kind.open.schema, args)
        return self._checked(kind, initial_state(kind, args))

    def commanded(self, panel: PanelId, state: State, action: str, args: Mapping[str, object]) -> State:
        """The state after a command. Raises UnknownPanel, UnknownAction, BadSchema, TooLarge."""
        kind = self.kind(panel)
        spec = kind.commands.get(action)
        if spec is None:
            raise UnknownAction(f"{panel} has no command {action[:64]!r}; it has {', '.join(kind.commands)}")
        self._check_args(spec.schema, args)
        return self._checked(kind, patched(state, command_patch(kind, state, action, args)))

    def reported(self, kind: PanelKind, state: State, event: wire.PanelEvent) -> dict[str, object]:
        """The patch that an event makes of a state. Raises Rejected."""
        spec = kind.events.get(event.event)
        if spec is None:
            raise Rejected("unknown_event")
        try:
            self._check_args(spec.schema, event.data)
            patch = event_patch(kind, state, event.event, event.data)
            self._checked(kind, patched(state, patch))
        except BadSchema:
            raise Rejected("bad_schema") from None
        except TooLarge:
            raise Rejected("too_large") from None
        return patch

    def allows(self, panel: PanelId, state: Mapping[str, object]) -> bool:
        """Whether the browser's own content of a panel may be taken as it is."""
        fits = len(msgspec.json.encode(state)) <= MAX_RECORDED_BYTES
        return fits and self._validate(self.kind(panel).state_schema, state) is None

    def _checked(self, kind: PanelKind, state: State) -> State:
        if (problem := self._validate(kind.state_schema, state)) is not None:
            raise BadSchema(f"the state that would follow: {problem}")
        if len(msgspec.json.encode(state)) > MAX_RECORDED_BYTES:
            raise TooLarge(f"a panel holds at most {MAX_RECORDED_BYTES} bytes")
        return state

    def _check_args(self, schema: Schema, args: Mapping[str, object]) -> None:
        if (problem := self._validate(schema, args)) is not None:
            raise BadSchema(problem)
        if len(msgspec.json.encode(args)) > MAX_RECORDED_BYTES:
            raise TooLarge(f"arguments hold at most {MAX_RECORDED_BYTES} bytes")
