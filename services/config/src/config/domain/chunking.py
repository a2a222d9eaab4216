"""From blocks to chunks: what is searched for and cited. A chunk never crosses a heading.

Where a section is longer than a chunk, the next chunk begins with the last sentences of the one before, so that what is
said across the border is found too.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec

from config.domain.blocks import Block

MAX_CHARACTERS = 1200
"""Of a chunk, without its headings: some 300 tokens of English."""

OVERLAP = 160
_SENTENCE = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])|\n+")


class Chunk(msgspec.Struct, frozen=True):
    """`number` counts from 0 through the document; `page` is that of its first own sentence, 0 where there is none."""

    number: int
    heading: tuple[str, ...]
    page: int
    text: str

    def within(self, title: str) -> str:
        """As it is embedded: what it is about stands in its document's title and headings more often than in itself."""
        return "\n".join([" > ".join([title, *self.heading]), self.text])


def title_of(name: str) -> str:
    """The words of a document's name: `coffee-machine_v2.md` is "coffee machine v2"."""
    stem = re.sub(r"\.[A-Za-z0-9]{1,8}\Z", "", name.strip())
    return re.sub(r"[\W_]+", " ", stem).strip() or name


class _Unit(msgspec.Struct, frozen=True):
    """A piece that is not divided: a sentence, or what of a longer one fits into a chunk."""

    text: str
    page: int
    joint: str


def chunked(blocks: Sequence[Block]) -> list[Chunk]:
    """The chunks of a document in its order; equal blocks give equal chunks."""
    chunks: list[Chunk] = []
    for heading, section in groupby(blocks, key=lambda block: block.heading):
        units = [unit for block in section for unit in _units(block)]
        for page, text in _packed(units):
            chunks.append(Chunk(len(chunks), heading, page, text))
    return chunks


def _units(block: Block) -> Iterator[_Unit]:
    joint = "\n\n"
    for sentence in _sentences(block.text):
        for piece in _pieces(sentence):
            yield _Unit(piece, block.page, joint)
            joint = " "


def _sentences(text: str) -> Iterator[str]:
    """Whole blocks stay as they are laid out, where they fit."""
    text = text.strip()
    if len(text) <= MAX_CHARACTERS // 2:
        if text:
            yield text
        return
    for sentence in _SENTENCE.split(text):
        if sentence and sentence.strip():
            yield sentence.strip()


def _pieces(sentence: str) -> Iterator[str]:
    """At most a chunk long each: between words where there are any, else anywhere."""
    while len(sentence) > MAX_CHARACTERS:
        space = sentence.rfind(" ", MAX_CHARACTERS // 2, MAX_CHARACTERS)
        end = space if space > 0 else MAX_CHARACTERS
        yield sentence[:end]
        sentence = sentence[end:].lstrip()
    if sentence:
        yield sentence


def _packed(units: Sequence[_Unit]) -> Iterator[tuple[int, str]]:
    """Page and text of each chunk of a section."""
    held: list[_Unit] = []
    own = 0
    for unit in units:
        if own and _length(held) + len(unit.joint) + len(unit.text) > MAX_CHARACTERS:
            yield held[-own].page, _joined(held)
            held, own = _tail(held, room=MAX_CHARACTERS - len(unit.text) - 2), 0
        held.append(unit)
        own += 1
    if own:
        yield held[-own].page, _joined(held)


def _tail(held: Sequence[_Unit], *, room: int) -> list[_Unit]:
    """The last whole units that are an overlap at most, and leave room for what comes."""
    kept: list[_Unit] = []
    for unit in reversed(held):
        if _length([unit, *kept]) > min(OVERLAP, room):
            break
        kept.insert(0, unit)
    return kept


def _length(units: Sequence[_Unit]) -> int:
    return sum(len(unit.text) + len(unit.joint) for unit in units)


def _joined(units: Sequence[_Unit]) -> str:
    return "".join((unit.joint if place else "") + unit.text for place, unit in enumerate(units))
