"""What holds for every value: the algebra of merge patches, templates that never fail, states that stay plain."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from contracts.panels.interpreter import (
    command_patch,
    event_patch,
    initial_state,
    merge_patch,
    panel_hash,
    patched,
    render,
)
from contracts.panels.plain import MAX_INTEGER, plain_object
from contracts.panels.refusals import BadSchema
from contracts.panels.registry import builtin
from contracts.panels.template import OPERATORS

pytestmark = pytest.mark.unit

relaxed = settings(deadline=None)

keys = st.sampled_from(["a", "b", "c", "id", "é", "code"]) | st.text(max_size=4)
integers = st.integers(-MAX_INTEGER, MAX_INTEGER)
whole = st.recursive(
    integers | st.booleans() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)
states = st.dictionaries(keys, whole, max_size=4)
patches = st.dictionaries(
    keys,
    st.recursive(st.none() | whole, lambda inner: st.dictionaries(keys, inner, max_size=3), max_leaves=8),
    max_size=4,
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=10,
)
references = st.sampled_from(["$args", "$state", "$args.a", "$args.a.b", "$state.id", "$args.é", "$", "$$", "$args."])
templates = st.recursive(
    anything | references,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(keys, inner, max_size=3)
        | st.builds(
            lambda name, operands: {name: operands},
            st.sampled_from([*OPERATORS, "$no"]),
            st.lists(inner | references, max_size=3) | inner,
        )
    ),
    max_leaves=10,
)
typed_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
lines = st.lists(st.integers(1, 200_001), max_size=20, unique=True)
steps = st.lists(
    st.tuples(st.just("set_code"), st.fixed_dictionaries({"code": typed_text}))
    | st.tuples(st.just("highlight_lines"), st.fixed_dictionaries({"lines": lines}))
    | st.tuples(st.just("clear_highlights"), st.just({}))
    | st.tuples(
        st.just("code_changed"),
        st.fixed_dictionaries({"code": typed_text}, optional={"language": st.sampled_from(["python", "go"])}),
    )
    | st.tuples(st.just("code_run_requested"), st.just({})),
    max_size=12,
)


@relaxed
@given(states, patches)
def test_applying_a_patch_twice_is_applying_it_once(state: dict[str, object], patch: dict[str, object]) -> None:
    once = patched(state, patch)
    assert patched(once, patch) == once


@relaxed
@given(states, states)
def test_the_difference_of_two_states_leads_from_one_to_the_other(
    before: dict[str, object], after: dict[str, object]
) -> None:
    assert merge_patch(before, difference(before, after)) == after


@relaxed
@given(states, patches)
def test_a_state_without_nulls_stays_without_nulls(state: dict[str, object], patch: dict[str, object]) -> None:
    assert not has_null(patched(state, patch))


@relaxed
@given(templates, st.dictionaries(keys, anything, max_size=4), st.dictionaries(keys, anything, max_size=4))
def test_rendering_never_fails(template: object, args: dict[str, object], state: dict[str, object]) -> None:
    render(template, args=args, state=state)


@relaxed
@given(st.dictionaries(keys, anything, max_size=4))
def test_what_is_taken_as_plain_can_be_hashed_and_is_plain_already(value: dict[str, object]) -> None:
    try:
        plain = plain_object(value, "args")
    except BadSchema:
        return
    assert repr(plain_object(plain, "args")) == repr(plain)
    assert len(panel_hash(patched({}, plain))) == 64


@relaxed
@given(steps)
def test_schema_valid_steps_keep_the_state_of_a_coding_ide_within_its_schema(
    taken: list[tuple[str, dict[str, object]]],
) -> None:
    kind = builtin()["coding_ide"]
    state = initial_state(kind, {"language": "python"})
    for name, args in taken:
        spec = kind.commands.get(name) or kind.events[name]
        Draft202012Validator(spec.schema).validate(args)
        make = command_patch if name in kind.commands else event_patch
        state = patched(state, make(kind, state, name, args))
        Draft202012Validator(kind.state_schema).validate(state)


def difference(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, object]:
    """A patch that makes `after` of `before`; both without nulls."""
    patch: dict[str, object] = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            patch[name] = difference(old, value)
        elif name not in before or repr(old) != repr(value):
            patch[name] = value
    return patch


def has_null(value: object) -> bool:
    match value:
        case dict():
            return any(has_null(member) for member in value.values())
        case list():
            return any(has_null(item) for item in value)
        case _:
            return value is None
