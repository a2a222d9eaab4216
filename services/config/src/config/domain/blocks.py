"""What a document says, block by block, whatever it was written in."""

import msgspec

MAX_PAGES = 1000
MAX_TEXT = 2_000_000
"""Characters of all blocks of a document."""

MAX_HEADING = 200
MAX_DEPTH = 6


class Block(msgspec.Struct, frozen=True):
    """A paragraph, list, table or piece of code. `heading` leads to it from the top; `page` counts from 1, 0: none."""

    text: str
    heading: tuple[str, ...] = ()
    page: int = 0


class Reading(msgspec.Struct, frozen=True, kw_only=True, tag="read"):
    """A whole document; `pages` is 0 for what has none."""

    blocks: list[Block]
    pages: int = 0


class Unread(msgspec.Struct, frozen=True, kw_only=True, tag="unread"):
    """It cannot be read, for the reason of `code`."""

    code: str


class Unreadable(Exception):
    """The document cannot be read; `code` says why, and stands in its event."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Headings:
    """The path of headings to where a reader is."""

    def __init__(self) -> None:
        self._open: list[tuple[int, str]] = []

    @property
    def path(self) -> tuple[str, ...]:
        """From the outermost to the innermost."""
        return tuple(text for _, text in self._open)

    def enter(self, level: int, text: str) -> None:
        """A heading of `level` (1 is the outermost) ends all that are as deep or deeper."""
        title = " ".join(text.split())[:MAX_HEADING]
        self._open = [one for one in self._open if one[0] < level][: MAX_DEPTH - 1]
        if title:
            self._open.append((level, title))
