"""A reader for each media type. Each takes bytes and raises Unreadable, or anything else that bytes can bring about."""

import importlib
from collections.abc import Callable
from typing import cast

import msgspec

from config.domain.blocks import MAX_PAGES, MAX_TEXT, Reading, Unreadable
from config.domain.uploads import HTML, MARKDOWN, PDF, PLAIN

Read = Callable[[bytes], Reading]

_READERS = {PLAIN: "plain", MARKDOWN: "markdown", HTML: "html", PDF: "pdf"}


def reader_of(media_type: str) -> Read:
    """Only what this type needs is imported: a process reads one document. Raises KeyError."""
    name = _READERS[media_type]
    return cast(Read, getattr(importlib.import_module(f"config.reading.{name}"), f"read_{name}"))


def checked(reading: Reading) -> Reading:
    """The reading, without what no text of a database can hold; raises Unreadable for one that says nothing, or too
    much.
    """
    if reading.pages > MAX_PAGES:
        raise Unreadable("too_many_pages")
    if sum(len(block.text) for block in reading.blocks) > MAX_TEXT:
        raise Unreadable("too_much_text")
    if not any(block.text.strip() for block in reading.blocks):
        raise Unreadable("no_text")
    blocks = [
        msgspec.structs.replace(block, text=_clean(block.text), heading=tuple(map(_clean, block.heading)))
        for block in reading.blocks
    ]
    return msgspec.structs.replace(reading, blocks=blocks)


def _clean(text: str) -> str:
    """Fonts of PDFs map to zero bytes and to halves of characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
