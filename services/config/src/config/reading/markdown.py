"""Markdown: CommonMark, and tables. Paragraphs lose their marks; lists, tables and code stay as they are laid out."""

from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from config.domain.blocks import Block, Headings, Reading
from config.reading.html import text_of
from config.reading.plain import decoded


def read_markdown(content: bytes) -> Reading:
    """Raises UnicodeDecodeError for what is not UTF-8."""
    source = decoded(content).replace("\r\n", "\n").replace("\r", "\n")  # the only ends of lines that CommonMark knows
    lines, headings = source.split("\n"), Headings()
    blocks: list[Block] = []
    tokens = MarkdownIt("commonmark").enable("table").parse(source)
    for place, token in enumerate(tokens):
        if token.level or token.map is None or token.nesting < 0:
            continue
        if token.type == "heading_open":
            headings.enter(int(token.tag[1]), _words(tokens[place + 1].children or ()))
        elif text := _text(token, tokens, place, lines):
            blocks.append(Block(text, headings.path))
    return Reading(blocks=blocks)


def _text(token: Token, tokens: Sequence[Token], place: int, lines: Sequence[str]) -> str:
    """What a block at the top level says."""
    if token.type == "hr":
        return ""
    if token.type == "paragraph_open":
        return _words(tokens[place + 1].children or ())
    if token.type in ("fence", "code_block"):
        return token.content.strip("\n")
    if token.type == "html_block":
        return text_of(token.content)
    assert token.map is not None
    return "\n".join(lines[token.map[0] : token.map[1]]).strip()


def _words(children: Sequence[Token]) -> str:
    """The text of a line without its marks; a picture is what it says in its stead."""
    parts = [
        " " if one.type in ("softbreak", "hardbreak") else one.content
        for one in children
        if one.type in ("text", "code_inline", "softbreak", "hardbreak", "image")
    ]
    return "".join(parts).strip()
