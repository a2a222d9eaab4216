"""The committed schemas are those that the Structs give, and the golden fixtures satisfy them."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from contracts.export import FOLDER, export, main, schemas, stale
from contracts.registry import event_types

pytestmark = pytest.mark.unit

FIXTURES = Path(__file__).parents[2] / "contracts" / "fixtures" / "events"


def test_the_committed_schemas_are_fresh() -> None:
    names = [str(path.relative_to(FOLDER)) for path in stale(FOLDER)]
    assert names == [], "run: python -m contracts.export, and review the difference"


def test_every_event_type_has_a_schema() -> None:
    assert {f"events/{kind.name}.v{kind.v}.json" for kind in event_types()} <= set(schemas())


@pytest.mark.parametrize("name", sorted(schemas()))
def test_a_schema_is_valid_and_refers_only_to_what_it_defines(name: str) -> None:
    schema = json.loads((FOLDER / name).read_bytes())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert set(_references(schema)) <= {f"#/$defs/{defined}" for defined in schema["$defs"]}


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.json")), ids=lambda path: path.stem)
def test_a_golden_fixture_satisfies_the_schemas(path: Path) -> None:
    fixture = json.loads(path.read_bytes())
    _validate("envelope.json", fixture["envelope"])
    parts = {"data": fixture["envelope"]["data"], "personal": fixture["personal"]}
    _validate(f"events/{path.name}", {name: part for name, part in parts.items() if part is not None})


def test_exporting_twice_writes_nothing_the_second_time(tmp_path: Path) -> None:
    assert len(export(tmp_path)) == len(schemas())
    assert export(tmp_path) == []


def test_a_changed_a_missing_and_a_foreign_file_are_stale_and_export_mends_them(tmp_path: Path) -> None:
    export(tmp_path)
    changed, missing, foreign = (tmp_path / name for name in ("envelope.json", "panel_kind.json", "foreign.json"))
    changed.write_text("{}")
    missing.unlink()
    foreign.write_text("{}")
    assert stale(tmp_path) == sorted([changed, missing, foreign])
    export(tmp_path)
    assert stale(tmp_path) == []
    assert not foreign.exists()


def test_an_unknown_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--force"]) == 2
    assert "usage" in capsys.readouterr().err


def test_check_names_stale_files_and_exits_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "schema"
    export(folder)
    monkeypatch.setattr("contracts.export.FOLDER", folder)
    assert main(["--check"]) == 0
    (folder / "envelope.json").write_text("{}")
    assert main(["--check"]) == 1
    assert capsys.readouterr().out == "stale: schema/envelope.json\n"


def _validate(name: str, value: object) -> None:
    jsonschema.Draft202012Validator(json.loads((FOLDER / name).read_bytes())).validate(value)


def _references(schema: Any) -> list[str]:
    match schema:
        case {"$ref": str(reference)}:
            return [reference]
        case dict():
            return [found for value in schema.values() for found in _references(value)]
        case list():
            return [found for value in schema for found in _references(value)]
        case _:
            return []
