"""The messages of panels on the wire: their exact JSON, and what is not let in."""

from typing import Any

import msgspec
import pytest

from contracts.panels import refusals, wire
from contracts.panels.refusals import PanelErrorCode, PanelRefused, StaleRev

pytestmark = pytest.mark.unit

MESSAGES: list[tuple[type[msgspec.Struct], dict[str, Any]]] = [
    (
        wire.PanelRequest,
        {
            "op_id": "call_1",
            "panel": "coding_ide",
            "instance": "p1",
            "action": "highlight_lines",
            "args": {"lines": [7]},
            "args_ref": None,
            "base_rev": 11,
            "v": 1,
        },
    ),
    (wire.PanelAnswer, {"ok": True, "rev": 12, "state": {}, "state_ref": None, "error": None, "v": 1}),
    (
        wire.PanelAnswer,
        {
            "ok": False,
            "rev": 13,
            "state": None,
            "state_ref": "s1",
            "error": {"code": 2004, "message": "moved on"},
            "v": 1,
        },
    ),
    (
        wire.PanelEvent,
        {
            "seq": 1,
            "rev": 2,
            "panel": "notepad",
            "instance": "p1",
            "event": "content_changed",
            "origin": "user",
            "ts": 1,
            "data": {"text": "a"},
            "v": 1,
        },
    ),
    (wire.PanelAck, {"seq": 0, "v": 1}),
    (
        wire.PanelSync,
        {
            "panels": [{"panel": "notepad", "instance": "p1", "rev": 2, "hash": "0" * 64}],
            "seq": 9,
            "acked": 7,
            "v": 1,
        },
    ),
    (
        wire.PanelSyncAnswer,
        {
            "seq": 7,
            "panels": [{"panel": "notepad", "instance": "p1", "rev": 2, "state": {}, "state_ref": None}],
            "closed": [],
            "v": 1,
        },
    ),
    (wire.Heartbeat, {"n": 1, "ts": 1, "v": 1}),
]


@pytest.mark.parametrize(("message", "json"), MESSAGES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_message_is_read_and_written_as_the_same_json(message: type[msgspec.Struct], json: dict[str, Any]) -> None:
    read = msgspec.json.decode(msgspec.json.encode(json), type=message)
    assert msgspec.json.decode(msgspec.json.encode(read)) == json


@pytest.mark.parametrize(("message", "json"), MESSAGES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_newer_field_is_ignored_and_a_newer_version_refused(
    message: type[msgspec.Struct], json: dict[str, Any]
) -> None:
    msgspec.convert({**json, "later": 1}, type=message)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**json, "v": 2}, type=message)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"panel": "../etc"},
        {"panel": "notepad\n"},
        {"instance": ""},
        {"instance": "a.b"},
        {"event": "*"},
        {"seq": 0},
        {"rev": -1},
        {"origin": "admin"},
        {"data": []},
    ],
    ids=repr,
)
def test_an_event_with_a_bad_field_is_not_read(spoilt: dict[str, Any]) -> None:
    event = next(json for message, json in MESSAGES if message is wire.PanelEvent)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**event, **spoilt}, type=wire.PanelEvent)


@pytest.mark.parametrize("code", PanelErrorCode)
def test_every_code_comes_back_as_the_refusal_that_it_was(code: PanelErrorCode) -> None:
    refused = refusals.refusal(code, "why")
    assert refused.code is code
    error = msgspec.json.decode(msgspec.json.encode(wire.PanelError.of(refused)), type=wire.PanelError)
    assert type(error.refusal()) is type(refused)
    assert error.refusal().message == "why"


def test_a_code_of_a_later_version_reads_as_an_internal_fault() -> None:
    assert refusals.refusal(2042, "new").code is PanelErrorCode.INTERNAL


def test_the_message_of_an_error_fits_an_rpc_error() -> None:
    assert len(wire.PanelError.of(StaleRev("x" * 5000)).message) == 256


def test_codes_are_those_of_the_protocol() -> None:
    assert {code.name: code.value for code in PanelErrorCode} == {
        "BAD_SCHEMA": 2001,
        "UNKNOWN_PANEL": 2002,
        "UNKNOWN_ACTION": 2003,
        "STALE_REV": 2004,
        "NOT_ALLOWED": 2005,
        "USER_DENIED": 2006,
        "BUSY": 2007,
        "TOO_LARGE": 2008,
        "INTERNAL": 2099,
    }
    assert {kind.code for kind in PanelRefused.__subclasses__()} == set(PanelErrorCode)
