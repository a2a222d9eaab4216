"""PDF, page by page. Its outline, where it has one, gives the headings; else those that the text itself shows."""

import encodings
import io
import logging
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import pypdf
from pypdf import PdfReader
from pypdf.errors import FileNotDecryptedError, LimitReachedError

from config.domain.blocks import MAX_PAGES, MAX_TEXT, Block, Headings, Reading, Unreadable
from config.reading.limits import load
from config.reading.plain import blocks_of

_HYPHENATED = re.compile(r"(\w)-\n(?=[a-zäöüß])")
_MAX_OUTLINE = 2000
_DEEPEST = 6

Outline = dict[int, list[tuple[int, str]]]
"""By page, from 1: the level and title of each entry."""

load(encodings)  # fonts name them
load(pypdf)
logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it quotes what it could not understand


def read_pdf(content: bytes) -> Reading:
    """Raises Unreadable; pypdf bounds what it unpacks, and says LimitReachedError, where a stream is a bomb."""
    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted:
            raise Unreadable("encrypted")
        pages = len(reader.pages)
        if pages > MAX_PAGES:
            raise Unreadable("too_many_pages")
        return Reading(blocks=_blocks(reader, _outline(reader)), pages=pages)
    except FileNotDecryptedError as error:
        raise Unreadable("encrypted") from error
    except LimitReachedError as error:
        raise Unreadable("too_much_unpacked") from error


def _blocks(reader: PdfReader, outline: Outline) -> list[Block]:
    headings, blocks, seen = Headings(), list[Block](), 0
    for number, page in enumerate(reader.pages, start=1):
        text = _HYPHENATED.sub(r"\1", page.extract_text())
        seen += len(text)
        if seen > MAX_TEXT:
            raise Unreadable("too_much_text")
        lines = text.splitlines()
        found = _outlined(lines, outline.get(number, []), headings) if outline else blocks_of(lines, headings)
        blocks += [Block(block.text, block.heading, number) for block in found]
    return blocks


def _outlined(lines: Sequence[str], entries: list[tuple[int, str]], headings: Headings) -> Iterator[Block]:
    """The page in sections: a title that stands on a line of its own begins there, any other at the top."""
    places = {" ".join(line.split()).casefold() for line in lines}
    waiting = []
    for level, title in entries:
        if " ".join(title.split()).casefold() in places:
            waiting.append((level, title))
        else:
            headings.enter(level, title)
    held: list[str] = []
    for line in lines:
        if waiting and " ".join(line.split()).casefold() == " ".join(waiting[0][1].split()).casefold():
            yield from _paragraphs(held, headings)
            held = []
            headings.enter(*waiting.pop(0))
        else:
            held.append(line)
    yield from _paragraphs(held, headings)


def _paragraphs(lines: Sequence[str], headings: Headings) -> Iterator[Block]:
    for text in re.split(r"\n\s*\n", "\n".join(lines)):
        if text.strip():
            yield Block(" ".join(text.split()), headings.path)


def _outline(reader: PdfReader) -> Outline:
    found: Outline = defaultdict(list)
    for place, (level, entry) in enumerate(_entries(reader.outline, 1)):
        if place >= _MAX_OUTLINE:
            break
        page = reader.get_destination_page_number(entry)
        if page is not None and entry.title:
            found[page + 1].append((level, str(entry.title)))
    return dict(found)


def _entries(outline: Any, level: int) -> Iterator[tuple[int, Any]]:
    for entry in outline:
        if isinstance(entry, list):
            if level < _DEEPEST:
                yield from _entries(entry, level + 1)
        else:
            yield level, entry
