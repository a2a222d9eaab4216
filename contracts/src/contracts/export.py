"""The published language as JSON Schema, for the web, for analysts and for review: `contracts/schema`.

The files are generated and committed: a difference there is a change of the language. `python -m contracts.export`
writes them, `--check` names the stale ones. Nothing reads them to validate; the Structs do that.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from inspect import cleandoc
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from contracts.commands import costs, jobs, keys, knowledge, live, secrets
from contracts.envelope import Envelope
from contracts.panels import wire
from contracts.panels.kind import PanelKind
from contracts.registry import EventType, event_types
from contracts.session_state import SessionState
from contracts.template_version import TemplateVersion

FOLDER = Path(__file__).parents[2] / "schema"
"""Where the schemas are committed, in a checkout."""

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_REF = "#/$defs/{name}"


def schemas() -> dict[str, dict[str, Any]]:
    """Every schema by its path below the folder, for example ``events/handoff.completed.v1.json``."""
    found = {
        "envelope.json": _of_struct(Envelope),
        "panel_kind.json": _of_struct(PanelKind),
        "panel_wire.json": _of_module(wire),
        "session_state.json": _of_struct(SessionState),
        "template_version.json": _of_struct(TemplateVersion),
    }
    for module in (costs, jobs, keys, knowledge, live, secrets):
        found[f"commands/{_short_name(module)}.json"] = _of_module(module)
    for kind in event_types():
        found[f"events/{kind.name}.v{kind.v}.json"] = _of_event(kind)
    return found


def export(folder: Path) -> list[Path]:
    """Write every schema below `folder`, delete what is no longer one of them, and return the paths that changed."""
    changed = stale(folder)
    wanted = _texts(folder)
    for path in changed:
        if path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()
    return changed


def stale(folder: Path) -> list[Path]:
    """The files below `folder` that are missing, differ from what `export` would write, or should not be there."""
    wanted = _texts(folder)
    differing = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    return sorted([*differing, *(path for path in folder.rglob("*.json") if path not in wanted)])


def main(arguments: Sequence[str]) -> int:
    """Write into FOLDER; with ``--check`` only compare, and return 1 where a file is stale."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m contracts.export [--check]\n")
        return 2
    checking = bool(arguments)
    for path in (paths := stale(FOLDER) if checking else export(FOLDER)):
        sys.stdout.write(f"{'stale' if checking else 'written'}: {path.relative_to(FOLDER.parent)}\n")
    return 1 if checking and paths else 0


def _texts(folder: Path) -> dict[Path, str]:
    return {
        folder / name: json.dumps(_cleaned(schema), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        for name, schema in schemas().items()
    }


def _cleaned(schema: Any) -> Any:
    """Without the indentation of docstrings, which newer Pythons strip and 3.11 keeps."""
    match schema:
        case dict():
            return {key: _cleaned(value) for key, value in schema.items()}
        case list():
            return [_cleaned(value) for value in schema]
        case str():
            return cleandoc(schema) if "\n " in schema else schema
        case _:
            return schema


def _of_struct(struct: type) -> dict[str, Any]:
    (root,), definitions = msgspec.json.schema_components([struct], schema_hook=_open_schema, ref_template=_REF)
    return {"$schema": _DRAFT, "title": struct.__name__, **root, "$defs": definitions}


def _of_module(module: ModuleType) -> dict[str, Any]:
    """All Structs that a module defines, as definitions without a root."""
    structs = [value for value in vars(module).values() if _is_struct_of(module, value)]
    definitions = _definitions(structs)
    return {"$schema": _DRAFT, "title": _short_name(module), "description": _first_line(module), "$defs": definitions}


def _of_event(kind: EventType) -> dict[str, Any]:
    """Both parts of an event: `data` as it stands in the envelope, `personal` as it reads once opened."""
    parts: dict[str, type] = {"data": kind.data}
    if kind.personal is not None:
        parts["personal"] = kind.personal
    return {
        "$schema": _DRAFT,
        "title": f"{kind.name} v{kind.v}",
        "description": _first_line(kind.data),
        "type": "object",
        "required": ["data"],
        "properties": {name: {"$ref": _REF.format(name=struct.__name__)} for name, struct in parts.items()},
        "$defs": _definitions(parts.values()),
    }


def _definitions(structs: Iterable[type]) -> dict[str, Any]:
    _, definitions = msgspec.json.schema_components(list(structs), schema_hook=_open_schema, ref_template=_REF)
    return definitions


def _open_schema(kind: object) -> dict[str, Any]:
    """`object` in a Struct means any JSON value. (An empty schema would be taken for no answer.)"""
    if kind is object:
        return {"description": "any JSON value"}
    raise NotImplementedError(kind)


def _is_struct_of(module: ModuleType, value: object) -> bool:
    return isinstance(value, type) and issubclass(value, msgspec.Struct) and value.__module__ == module.__name__


def _short_name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def _first_line(documented: object) -> str:
    return cleandoc(documented.__doc__ or "").partition("\n\n")[0].replace("\n", " ")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
