"""What a template's draft must be by itself and with its agents. Pointers go into the draft."""

import re
from collections.abc import Iterator, Mapping

from msgspec import UNSET

from chassis.errors import FieldError
from config.domain.pointers import outside, pointer, repeated, too_many
from contracts.ids import AgentId, PanelId
from contracts.panels.kind import PanelKind
from contracts.pricing import MAX_NANO
from contracts.template_version import MAX_DURATION_S, AgentDefinition, Limits, TemplateDraft
from contracts.variables import Declaration, Declarations, fits

Definitions = Mapping[AgentId, AgentDefinition]
Kinds = Mapping[PanelId, PanelKind]

MAX_NAME = 100
MAX_AGENTS = 50
MAX_PANELS = 20
MAX_DECLARED = 100
MAX_DEFAULT = 2000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")
_HIGHEST = {
    "max_duration_s": MAX_DURATION_S,
    "away_timeout_s": MAX_DURATION_S,
    "grace_s": 600,
    "join_timeout_s": 600,
    "max_tool_steps": 50,
}


def draft_errors(draft: TemplateDraft, definitions: Definitions, kinds: Kinds) -> Iterator[FieldError]:
    """Every mistake of the draft, its agents being there or not."""
    if not draft.name.strip() or len(draft.name) > MAX_NAME:
        yield FieldError("/name", "length", f"a name has 1 to {MAX_NAME} characters")
    if not draft.agents:
        yield FieldError("/agents", "required", "a template has at least one agent")
    yield from too_many("/agents", len(draft.agents), MAX_AGENTS)
    for place, agent in enumerate(draft.agents):
        if agent not in definitions:
            yield FieldError(f"/agents/{place}", "unknown_agent", f"there is no agent {agent}")
        if agent in draft.agents[:place]:
            yield FieldError(f"/agents/{place}", "repeated_agent", f"the agent {agent} is listed twice")
    if draft.initial_agent not in draft.agents:
        yield FieldError("/initial_agent", "unknown_agent", f"{draft.initial_agent} is not an agent of this template")
    yield from too_many("/panels", len(draft.panels), MAX_PANELS)
    yield from repeated("/panels", list(draft.panels))
    for place, panel in enumerate(draft.panels):
        if panel not in kinds:
            yield FieldError(f"/panels/{place}", "unknown_panel", f"there is no panel kind {panel}")
    yield from _limits(draft.limits)
    yield from _declared("variables", draft.variables or {})
    yield from _declared("flags", draft.flags or {})


def _limits(limits: Limits) -> Iterator[FieldError]:
    wrong = [
        error for name, high in _HIGHEST.items() for error in outside(f"/limits/{name}", getattr(limits, name), 1, high)
    ]
    yield from wrong
    if limits.budget_nano is not UNSET:
        yield from outside("/limits/budget_nano", limits.budget_nano, 0, MAX_NANO)
    if not wrong and limits.away_timeout_s > limits.max_duration_s:
        detail = "away_timeout_s is longer than the whole session may last"
        yield FieldError("/limits/away_timeout_s", "out_of_range", detail)


def _declared(area: str, declared: Declarations) -> Iterator[FieldError]:
    yield from too_many(f"/{area}", len(declared), MAX_DECLARED)
    for name, declaration in declared.items():
        where = pointer(area, name)
        if not _NAME.match(name):
            detail = "a name has 1 to 64 of A-Z a-z 0-9 _ and does not begin with a digit"
            yield FieldError(where, "bad_name", detail)
        yield from _default(where, declaration)


def _default(where: str, declaration: Declaration) -> Iterator[FieldError]:
    default = declaration.default
    if default is not None and not fits(default, declaration.type):
        yield FieldError(f"{where}/default", "wrong_type", f"the default is no {declaration.type}")
    elif isinstance(default, str) and len(default) > MAX_DEFAULT:
        yield FieldError(f"{where}/default", "length", f"a default has at most {MAX_DEFAULT} characters")
