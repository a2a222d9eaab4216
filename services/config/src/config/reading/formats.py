"""A reader for each media type. Each takes bytes and raises Unreadable, or anything else that bytes can bring about."""

from collections.abc import Callable

from config.domain.blocks import MAX_PAGES, MAX_TEXT, Reading, Unreadable
from config.domain.uploads import HTML, MARKDOWN, PDF, PLAIN
from config.reading.html import read_html
from config.reading.markdown import read_markdown
from config.reading.pdf import read_pdf
from config.reading.plain import read_plain

READERS: dict[str, Callable[[bytes], Reading]] = {
    PLAIN: read_plain,
    MARKDOWN: read_markdown,
    HTML: read_html,
    PDF: read_pdf,
}


def checked(reading: Reading) -> Reading:
    """The reading itself; raises Unreadable for one that says nothing, or too much."""
    if reading.pages > MAX_PAGES:
        raise Unreadable("too_many_pages")
    if sum(len(block.text) for block in reading.blocks) > MAX_TEXT:
        raise Unreadable("too_much_text")
    if not any(block.text.strip() for block in reading.blocks):
        raise Unreadable("no_text")
    return reading
