"""Panel kinds of a customer's own: what happens to one, and every mistake that keeps one out."""

import copy
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from chassis.errors import NotFound
from chassis.guarded_addresses import loopback_only
from config.domain.panel_kind import PANEL_KIND, Absent, Archive, Command, KindArchived, State, Write, Written
from config.domain.panel_kind_rules import MAX_BYTES, kind_errors, kind_name_errors
from config.http.examples import EXAMPLES
from contracts.events.panel_kind import PanelKindArchived, PanelKindCreated, PanelKindRevised
from contracts.panels.kind import PanelKind
from contracts.panels.registry import builtin

pytestmark = pytest.mark.unit


def a_file() -> dict[str, Any]:
    return copy.deepcopy(EXAMPLES["write_panel_kind"]["request"])


def a_kind(**changes: Any) -> PanelKind:
    return msgspec.convert({"kind": "poll", "version": 1, **a_file(), **changes}, PanelKind)


def after(*commands: Command) -> State:
    state: State = Absent()
    for command in commands:
        for event in PANEL_KIND.decide(command, state):
            state = PANEL_KIND.evolve(state, event)
    return state


def test_each_revision_is_the_next_version_and_the_same_content_is_none() -> None:
    created = PANEL_KIND.decide(Write(a_kind(version=7)), Absent())
    assert created == [PanelKindCreated(definition=a_kind())]
    state = after(Write(a_kind()))
    assert PANEL_KIND.decide(Write(a_kind(version=3)), state) == []
    revised = PANEL_KIND.decide(Write(a_kind(title="Straw poll")), state)
    assert revised == [PanelKindRevised(definition=a_kind(title="Straw poll", version=2))]


def test_an_archived_kind_stays_archived() -> None:
    state = after(Write(a_kind()), Archive())
    assert state == Written(a_kind(), archived=True)
    assert PANEL_KIND.decide(Archive(), state) == []
    with pytest.raises(KindArchived):
        PANEL_KIND.decide(Write(a_kind(title="Back")), state)
    assert PANEL_KIND.decide(Archive(), after(Write(a_kind()))) == [PanelKindArchived()]
    with pytest.raises(NotFound):
        PANEL_KIND.decide(Archive(), Absent())


@pytest.mark.parametrize("name", ["Poll", "1poll", "poll-2", "p" * 49, "notepad", "poll\n", ""])
def test_a_name_that_no_kind_may_have_is_refused(name: str) -> None:
    assert [error.pointer for error in kind_name_errors(name, builtin())] == ["/kind"]


def test_a_right_kind_has_no_mistakes() -> None:
    assert list(kind_name_errors("poll", builtin())) == []
    assert kind_errors(a_kind(), builtin(), allow=None) == []
    local = a_kind(url="http://127.0.0.1:3000/poll")
    assert kind_errors(local, builtin(), allow=loopback_only) == []


def _question(file: dict[str, Any], schema: object) -> None:
    file["open"]["schema"]["properties"]["question"] = schema


QUESTION = "/open/schema/properties/question"
SPOILT: list[tuple[str, Callable[[dict[str, Any]], object], str, str]] = [
    ("no page", lambda f: f.pop("url"), "/url", "required"),
    ("a page without encryption", lambda f: f.update(url="http://panels.example.com/"), "/url", "url_refused"),
    ("a page with a password", lambda f: f.update(url="https://me:pw@panels.example.com/"), "/url", "url_refused"),
    ("a page on this machine", lambda f: f.update(url="https://127.0.0.1/poll"), "/url", "url_refused"),
    ("a script for a page", lambda f: f.update(url="javascript:alert(1)"), "/url", "url_refused"),
    ("no schema", lambda f: _question(f, {"type": "text"}), f"{QUESTION}/type", "not_a_schema"),
    ("a length below nothing", lambda f: _question(f, {"maxLength": -1}), f"{QUESTION}/maxLength", "not_a_schema"),
    (
        "a regular expression",
        lambda f: _question(f, {"type": "string", "pattern": "(a+)+$"}),
        f"{QUESTION}/pattern",
        "not_offered",
    ),
    (
        "regular expressions as names",
        lambda f: _question(f, {"type": "object", "patternProperties": {"(a+)+$": {}}}),
        f"{QUESTION}/patternProperties",
        "not_offered",
    ),
    (
        "a large set",
        lambda f: _question(f, {"type": "array", "uniqueItems": True, "items": {"type": "string"}}),
        f"{QUESTION}/uniqueItems",
        "not_offered",
    ),
    (
        "a set of anything",
        lambda f: _question(f, {"type": "array", "uniqueItems": True, "maxItems": 9}),
        f"{QUESTION}/uniqueItems",
        "not_offered",
    ),
    (
        "a reference",
        lambda f: _question(f, {"$ref": "https://intra.example.com/schema"}),
        f"{QUESTION}/$ref",
        "bad_panel_kind",
    ),
    ("an effect on nothing", lambda f: f["events"]["voted"].update(effect={"no": 1}), "/events/voted/effect/no", "*"),
    (
        "an effect of an argument that is not declared",
        lambda f: f["events"]["voted"].update(effect={"yes": "$args.votes"}),
        "/events/voted/effect/yes",
        "*",
    ),
    ("a tool of Baton's", lambda f: f["tools"][0].update(name="end_session"), "/tools/0/name", "taken"),
    ("a tool of another kind", lambda f: f["tools"][0].update(name="read_notepad"), "/tools/0/name", "taken"),
    ("a tool like a handoff", lambda f: f["tools"][0].update(name="transfer_to_x"), "/tools/0/name", "*"),
]


@pytest.mark.parametrize(("spoil", "pointer", "code"), [one[1:] for one in SPOILT], ids=[one[0] for one in SPOILT])
def test_a_mistake_is_named_where_it_stands(spoil: Callable[[dict[str, Any]], object], pointer: str, code: str) -> None:
    file = a_file()
    spoil(file)
    kind = msgspec.convert({"kind": "poll", "version": 1, **file}, PanelKind)
    (error,) = kind_errors(kind, builtin(), allow=None)
    assert error.pointer == pointer
    assert error.code == ("bad_panel_kind" if code == "*" else code)
    assert error.detail


def test_all_mistakes_are_in_one_answer() -> None:
    file = a_file()
    file["url"] = "http://panels.example.com/"
    _question(file, {"type": "text", "pattern": "a"})
    file["commands"]["close_poll"]["effect"] = {"closed": True, "reason": "$args.why"}
    file["tools"][0]["name"] = "end_session"
    kind = msgspec.convert({"kind": "poll", "version": 1, **file}, PanelKind)
    assert {error.pointer for error in kind_errors(kind, builtin(), allow=None)} == {
        "/url",
        f"{QUESTION}/pattern",
        f"{QUESTION}/type",
        "/commands/close_poll/effect/reason",
        "/tools/0/name",
    }


def test_a_kind_that_no_event_could_hold_is_too_large() -> None:
    file = a_file()
    _question(file, {"type": "string", "enum": ["x" * 100] * (MAX_BYTES // 100)})
    kind = msgspec.convert({"kind": "poll", "version": 1, **file}, PanelKind)
    assert [error.code for error in kind_errors(kind, builtin(), allow=None)] == ["too_large"]


def test_a_name_whose_generated_tools_are_taken_is_refused() -> None:
    file = {**a_file(), "tools": []}
    kind = msgspec.convert({"kind": "code", "version": 1, **file}, PanelKind)
    assert [(one.pointer, one.code) for one in kind_errors(kind, builtin(), allow=None)] == [("/kind", "taken")]


def test_values_in_a_schema_are_bounded_in_depth_too() -> None:
    value: list[Any] = []
    for _ in range(300):
        value = [value]
    file = a_file()
    _question(file, {"enum": [value]})
    kind = msgspec.convert({"kind": "poll", "version": 1, **file}, PanelKind)
    assert [(one.pointer, one.code) for one in kind_errors(kind, builtin(), allow=None)] == [
        ("/open/schema", "too_deep")
    ]


def test_a_deep_schema_is_refused_and_looked_at_no_further() -> None:
    schema: dict[str, Any] = {"type": "string", "pattern": "(a+)+$"}
    for _ in range(200):
        schema = {"not": schema}
    file = a_file()
    _question(file, schema)
    kind = msgspec.convert({"kind": "poll", "version": 1, **file}, PanelKind)
    assert [error.code for error in kind_errors(kind, builtin(), allow=None)] == ["bad_panel_kind", "too_deep"]
