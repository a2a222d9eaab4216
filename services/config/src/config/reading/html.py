"""HTML, as a reader of the page would see it: no scripts, no styles, no navigation."""

from html.parser import HTMLParser

from config.domain.blocks import Block, Headings, Reading
from config.reading.plain import decoded

_SKIPPED = frozenset({"script", "style", "template", "noscript", "nav", "svg", "title", "iframe", "object", "select"})
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "caption",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "hr",
        "html",
        "legend",
        "main",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "ul",
    ]
)
_GROUPS = ("ul", "ol", "table")
_ROWS = frozenset({"li", "tr", "br", "dt", "dd"})
_CELLS = frozenset({"td", "th"})


def read_html(content: bytes) -> Reading:
    """Raises UnicodeDecodeError for what is not UTF-8."""
    return Reading(blocks=_read(decoded(content)).blocks)


def text_of(source: str) -> str:
    """The words of a piece of HTML."""
    return "\n\n".join(block.text for block in _read(source).blocks)


class _Page(HTMLParser):
    """Gathers blocks; lines of a list or a table stay together."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self._headings = Headings()
        self._held: list[str] = []
        self._skipped: list[str] = []
        self._heading = 0
        self._kept_layout = 0
        self._grouped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Text that follows belongs there."""
        if self._skipped or tag in _SKIPPED:
            if tag in _SKIPPED:
                self._skipped.append(tag)
        elif tag in _HEADINGS:
            self.finish()
            self._heading = _HEADINGS[tag]
        elif tag in _CELLS:
            self._held.append(" | " if self._line() else "")
        elif tag in _ROWS:
            self._held.append("\n- " if tag == "li" else "\n")
        elif tag in _BLOCKS:
            self._border()
            self._grouped += tag in _GROUPS
            self._kept_layout += tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        """Text that follows does not belong there any more."""
        if tag in self._skipped:
            while self._skipped.pop() != tag:
                pass
        elif self._skipped:
            return
        elif tag in _HEADINGS and self._heading:
            self._headings.enter(self._heading, "".join(self._held))
            self._held, self._heading = [], 0
        elif tag in _BLOCKS:
            self._grouped = max(0, self._grouped - (tag in _GROUPS))
            self._border()
            self._kept_layout = max(0, self._kept_layout - (tag == "pre"))

    def handle_data(self, data: str) -> None:
        """Words."""
        if not self._skipped:
            self._held.append(data if self._kept_layout else _spaced(data))

    def finish(self) -> None:
        """What is held is a block."""
        lines = [line if self._kept_layout else " ".join(line.split()) for line in "".join(self._held).split("\n")]
        if text := "\n".join(line for line in lines if line.strip(" -|")).strip():
            self.blocks.append(Block(text, self._headings.path))
        self._held = []

    def _border(self) -> None:
        if self._grouped:
            self._held.append(" ")
        else:
            self.finish()

    def _line(self) -> str:
        return "".join(self._held[-64:]).rpartition("\n")[2].strip()


def _read(source: str) -> _Page:
    page = _Page()
    page.feed(source)
    page.close()
    page.finish()
    return page


def _spaced(data: str) -> str:
    return data.replace("\n", " ")
