"""The documents name only what there is: make targets, files, commands."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from baton.main import main

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
TOP = ("bench", "cli", "contracts", "docs", "infra", "libs", "services", "tests", "web")
SOURCES = [
    ROOT,
    *(ROOT.glob("contracts/src")),
    *ROOT.glob("libs/*/src"),
    *ROOT.glob("services/*/src"),
    ROOT / "cli/src",
]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "infra/**/*.md", "contracts/**/*.md", "libs/**/*.md", "services/*/*.md")
    for path in ROOT.glob(pattern)
    if "node_modules" not in path.parts
)

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


@every_document
def test_every_make_target_that_is_named_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {found for code in code_of(document) for found in re.findall(r"\bmake ((?:[a-z][a-z-]*)+)", code)}
    assert named <= targets


@every_document
def test_every_path_that_is_named_exists(document: Path) -> None:
    missing = [path for path in paths_of(document) if not exists(path)]
    assert missing == []


@every_document
def test_every_link_to_a_file_leads_to_one(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", document.read_text()):
        if "://" not in target and not target.startswith("mailto:"):
            assert (document.parent / target).exists(), target


@every_document
def test_every_command_of_baton_that_is_named_exists(
    document: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["baton", "--help"])
    main()
    known = set(re.findall(r"^  ([a-z][a-z-]*) ", capsys.readouterr().out.partition("Commands:")[2], re.MULTILINE))
    assert "up" in known
    for code in code_of(document):
        for line in code.splitlines():
            named = re.match(r"(?:\$ )?(?:\.venv/bin/)?baton ([a-z][a-z-]*)", line.strip())
            assert named is None or named[1] in known, line


def test_every_make_target_says_what_it_is_for_and_is_phony() -> None:
    makefile = (ROOT / "Makefile").read_text()
    documented = set(re.findall(r"^([a-z][a-z-]*):.*## ", makefile, re.MULTILINE))
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert documented == set(phony.split())


def code_of(document: Path) -> list[str]:
    """Fenced blocks, and spans in backticks."""
    text = document.read_text()
    fenced = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return fenced + re.findall(r"`([^`\n]+)`", prose)


def paths_of(document: Path) -> Iterator[str]:
    """Spans that look like a path of this repository; `<name>` and `*` stand for anything."""
    for code in code_of(document):
        if re.fullmatch(r"[\w.<>*{},/-]+", code) and code.partition("/")[0] in TOP and "/" in code:
            yield re.sub(r"<[^>]*>", "*", code).rstrip("/")


def exists(path: str) -> bool:
    """From the root, or as a module below one of the `src` folders; `a/{b,c}` are both."""
    if (choice := re.search(r"\{([^}]*)\}", path)) is not None:
        return all(exists(path.replace(choice[0], part.strip())) for part in choice[1].split(","))
    return any(next(source.glob(path), None) is not None for source in SOURCES)
