"""What the import rules in .importlinter cannot say, read from the modules' own text."""

import ast
import configparser
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT / "contracts/src", *ROOT.glob("libs/*/src"), *ROOT.glob("services/*/src"), ROOT / "cli/src")
MODULES = sorted(path for source in SOURCES for path in source.rglob("*.py"))
OTHERS = sorted(path for folder in ("tests", "bench", "infra") for path in (ROOT / folder).rglob("*.py"))

NAMES_THAT_SAY_NOTHING = {"base", "common", "data", "helper", "helpers", "info", "manager", "misc", "util", "utils"}

CHASSIS_ADAPTERS = {"embedded", "http", "memory", "nats", "postgres"}
CHASSIS_RUNNERS = {"service"}
"""Serves HTTP and takes signals: no port, and no adapter of one."""

PURE = {"msgspec", "rfc8785"}
DOMAIN = PURE | {"contracts", "chassis", "jsonschema"}


def test_contracts_depend_on_two_libraries_and_nothing_else() -> None:
    for path in (ROOT / "contracts/src/contracts").rglob("*.py"):
        foreign = top_level(path) - set(sys.stdlib_module_names) - PURE - {"contracts"}
        assert not foreign, path.relative_to(ROOT)


def test_a_domain_depends_on_pure_libraries_and_its_own_service() -> None:
    rooms = [path for path in MODULES if "domain" in path.parts]
    assert len({path.relative_to(ROOT).parts[1] for path in rooms}) >= 5, "every service has one"
    for path in rooms:
        own = path.parts[path.parts.index("src") + 1]
        foreign = top_level(path) - set(sys.stdlib_module_names) - DOMAIN - {own}
        assert not foreign, path.relative_to(ROOT)


def test_every_module_of_the_chassis_is_a_port_an_adapter_or_a_runner() -> None:
    rules = configparser.ConfigParser()
    rules.read(ROOT / ".importlinter")
    ports = rules["importlinter:contract:ports"]["source_modules"].split()
    folder = ROOT / "libs/chassis/src/chassis"
    children = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    placed = {name.removeprefix("chassis.") for name in ports} | CHASSIS_ADAPTERS | CHASSIS_RUNNERS
    assert children - {"__init__"} == placed, "place a new module in .importlinter, or here"


def test_rules_name_every_service() -> None:
    rules = configparser.ConfigParser()
    rules.read(ROOT / ".importlinter")
    services = {path.parent.name for path in ROOT.glob("services/*/src/*/__init__.py")}
    containers = {rules[section].get("containers", "").strip().split(".")[0] for section in rules.sections()} - {""}
    assert containers == services
    domains = {
        name.removesuffix(".domain") for name in rules["importlinter:contract:pure-domain"]["source_modules"].split()
    }
    assert domains == services


def test_every_module_says_what_it_is_for_and_is_named_for_it() -> None:
    silent = [path for path in (*MODULES, *OTHERS) if ast.get_docstring(ast.parse(path.read_bytes())) is None]
    assert shown(silent) == [], "begin with a docstring"
    assert shown(path for path in (*MODULES, *OTHERS) if path.stem in NAMES_THAT_SAY_NOTHING) == []


def test_annotations_are_there_at_run_time() -> None:
    """msgspec and Litestar resolve them."""
    forbidden = {("__future__", "annotations"), ("typing", "TYPE_CHECKING")}
    assert shown(path for path in MODULES if forbidden & set(imported(path))) == []


def shown(paths: Iterable[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def top_level(path: Path) -> set[str]:
    return {module.partition(".")[0] for module, _ in imported(path) if module}


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of each import, wherever it stands; relative ones have no module."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((("" if node.level else node.module or ""), alias.name) for alias in node.names)
