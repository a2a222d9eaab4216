"""The golden fixtures: one per event type and version, readable for ever, and never edited."""

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support.scripted_session import KEY

from chassis.recording import has_personal, open_personal
from contracts.envelope import Envelope, decode_commit, encode_commit
from contracts.registry import decode_data, event_types, find_type

pytestmark = pytest.mark.unit

FOLDER = Path(__file__).parents[2] / "contracts" / "fixtures" / "events"
PATHS = sorted(FOLDER.glob("*.json"))

every_fixture = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


@pytest.mark.parametrize("kind", event_types(), ids=lambda kind: f"{kind.name}.v{kind.v}")
def test_every_registered_type_has_a_fixture(kind: Any) -> None:
    assert (FOLDER / f"{kind.name}.v{kind.v}.json").exists(), f"make one: see {FOLDER.name}/README.md"


def test_no_fixture_was_edited_or_removed_since_it_was_recorded() -> None:
    recorded = dict(line.split("  ")[::-1] for line in (FOLDER / "CHECKSUMS").read_text().splitlines())
    actual = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in PATHS}
    assert actual == recorded, "a fixture is never edited; a new one gets a line of its own"


@every_fixture
def test_a_fixture_is_named_by_its_type_and_version(path: Path) -> None:
    envelope = _envelope(path)
    assert path.name == f"{envelope.type}.v{envelope.v}.json"


@every_fixture
def test_a_fixture_survives_decoding_and_encoding_as_a_commit(path: Path) -> None:
    again = json.loads(encode_commit(decode_commit(encode_commit([_envelope(path)]))))[0]
    assert json.dumps(again) == json.dumps(_fixture(path)["envelope"]), "same fields, same values, same order"


@every_fixture
def test_the_open_part_of_a_fixture_survives_decoding_and_encoding(path: Path) -> None:
    envelope = _envelope(path)
    again = json.loads(msgspec.json.encode(decode_data(envelope)))
    assert json.dumps(again) == json.dumps(_fixture(path)["envelope"]["data"])


@every_fixture
def test_the_sealed_part_of_a_fixture_opens_to_what_stands_beside_it(path: Path) -> None:
    envelope, expected = _envelope(path), _fixture(path)["personal"]
    assert has_personal(envelope) == (expected is not None)
    if expected is not None:
        assert json.loads(msgspec.json.encode(open_personal(envelope, KEY))) == expected


@every_fixture
def test_a_fixture_of_a_type_with_a_personal_part_shows_it(path: Path) -> None:
    envelope = _envelope(path)
    assert (find_type(envelope.type, envelope.v).personal is not None) == (_fixture(path)["personal"] is not None)


def _fixture(path: Path) -> dict[str, Any]:
    fixture: dict[str, Any] = json.loads(path.read_bytes())
    return fixture


def _envelope(path: Path) -> Envelope:
    # Compacted first: `data` is kept as the bytes that were read, and a log never holds indented ones.
    compact = json.dumps(_fixture(path)["envelope"], separators=(",", ":"), ensure_ascii=False)
    return msgspec.json.decode(compact, type=Envelope)
