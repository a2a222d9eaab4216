"""Plain text: paragraphs between empty lines, and the few ways in which plain text says that a line is a heading."""

import codecs
import re
from collections.abc import Iterator, Sequence

from config.domain.blocks import Block, Headings, Reading

_NUMBERED = re.compile(r"(\d{1,2}(?:\.\d{1,2}){0,4})\.?\s+\S")
_UNDERLINE = re.compile(r"(={3,}|-{3,})\s*\Z")
_LONGEST = 80


def read_plain(content: bytes) -> Reading:
    """Raises UnicodeDecodeError for what is not UTF-8."""
    return Reading(blocks=list(blocks_of(decoded(content).splitlines(), Headings())))


def decoded(content: bytes) -> str:
    """The text of UTF-8, with or without a mark of its byte order; raises UnicodeDecodeError.

    The codec `utf-8-sig` does the same, but is a module that is imported at its first use.
    """
    return content.removeprefix(codecs.BOM_UTF8).decode()


def blocks_of(lines: Sequence[str], headings: Headings) -> Iterator[Block]:
    """The paragraphs; `headings` is moved on by the headings among them."""
    for paragraph in _paragraphs(lines):
        found = _heading(paragraph)
        if found is None:
            yield Block("\n".join(paragraph), headings.path)
            continue
        level, used = found
        headings.enter(level, paragraph[0])
        if rest := paragraph[used:]:
            yield Block("\n".join(rest), headings.path)


def _paragraphs(lines: Sequence[str]) -> Iterator[list[str]]:
    held: list[str] = []
    for line in lines:
        if line.strip():
            held.append(line.strip())
        elif held:
            yield held
            held = []
    if held:
        yield held


def _heading(paragraph: Sequence[str]) -> tuple[int, int] | None:
    """Level, and how many lines it takes; None for a paragraph that begins with no heading.

    Underlined, in capitals, or numbered and alone in its paragraph.
    """
    first = paragraph[0]
    if len(first) > _LONGEST:
        return None
    if len(paragraph) > 1 and (line := _UNDERLINE.match(paragraph[1])):
        return (1 if line[1].startswith("=") else 2), 2
    if len(paragraph) > 1 or first[-1] in ".,;:!?":
        return None
    if numbered := _NUMBERED.match(first):
        return numbered[1].count(".") + 1, 1
    letters = [one for one in first if one.isalpha()]
    return (1, 1) if len(letters) > 2 and all(one.isupper() for one in letters) else None
