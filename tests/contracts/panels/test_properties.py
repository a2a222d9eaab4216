"""What holds for every value: the algebra of merge patches, templates that never fail, states that stay plain."""

from collections.abc import Mapping
from typing import Any

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
from contracts.panels.kind import PanelKind
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
#: No panel takes `__proto__` as a key (test_plain.py), and ids become keys.
typed_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).filter(lambda text: text != "__proto__")


def values_of(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """What a schema allows, in the part of JSON Schema that the built-in kinds use."""
    match schema:
        case {"enum": names}:
            return st.sampled_from(names)
        case {"type": "string", "pattern": "^https://"}:
            return typed_text.map("https://".__add__)
        case {"type": "string"}:
            return typed_text.map(lambda text: text or "x" * schema.get("minLength", 0))
        case {"type": "integer"}:
            return st.integers(schema["minimum"], schema["maximum"])
        case {"type": "array", "items": items}:
            unique = repr if schema.get("uniqueItems") else None
            return st.lists(values_of(items), min_size=schema.get("minItems", 0), max_size=3, unique_by=unique)
        case {"type": "object", "properties": properties}:
            required = set(schema.get("required", []))
            members = {name: values_of(member) for name, member in properties.items()}
            return st.fixed_dictionaries(
                {name: values for name, values in members.items() if name in required},
                optional={name: values for name, values in members.items() if name not in required},
            )
        case _:
            raise AssertionError(f"a built-in kind has a schema of another sort: {schema}")


def steps_of(kind: PanelKind) -> st.SearchStrategy[list[tuple[str, dict[str, object]]]]:
    """Commands and events of a kind, with what their schemas allow."""
    specs = {**kind.commands, **kind.events}
    step = st.one_of([st.tuples(st.just(name), values_of(spec.schema)) for name, spec in specs.items()])
    return st.lists(step, max_size=8)


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


@settings(deadline=None, max_examples=40)
@given(st.data())
@pytest.mark.parametrize("kind", builtin().values(), ids=lambda kind: kind.kind)
def test_schema_valid_steps_keep_the_state_of_a_builtin_kind_within_its_schema(
    kind: PanelKind, data: st.DataObject
) -> None:
    valid = Draft202012Validator(kind.state_schema)
    state = initial_state(kind, data.draw(values_of(kind.open.schema)))
    valid.validate(state)
    for name, args in data.draw(steps_of(kind)):
        make = command_patch if name in kind.commands else event_patch
        state = patched(state, make(kind, state, name, args))
        valid.validate(state)


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
