"""What each reader makes of a document: blocks, headings and pages, and nothing that a reader of it would not see."""

from collections.abc import Callable

import pytest
from tests.support.pdf import Page, a_pdf

from config.domain.blocks import Block, Reading, Unreadable
from config.domain.uploads import MEDIA_TYPES
from config.reading.formats import checked, reader_of
from config.reading.html import read_html
from config.reading.markdown import read_markdown
from config.reading.pdf import read_pdf
from config.reading.plain import read_plain

pytestmark = pytest.mark.unit

Seen = list[tuple[str, tuple[str, ...]]]


def seen(read: Callable[[bytes], Reading], text: str) -> Seen:
    return [(block.text, block.heading) for block in read(text.encode()).blocks]


def test_markdown_keeps_the_layout_of_lists_tables_and_code_and_loses_marks() -> None:
    source = (
        "Lead *in*.\n\n# Pump #\n\nSee [the `valve`](https://x) and\n![a drawing](p.png).\n\n"
        "## Parts\n\n- one\n- two\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n```\nx = 1\n```\n\n"
        "Side\n====\n\n> quoted\n\n---\n\n<p>raw <b>html</b></p>\n"
    )
    assert seen(read_markdown, source) == [
        ("Lead in.", ()),
        ("See the valve and a drawing.", ("Pump",)),
        ("- one\n- two", ("Pump", "Parts")),
        ("| a | b |\n|---|---|\n| 1 | 2 |", ("Pump", "Parts")),
        ("x = 1", ("Pump", "Parts")),
        ("> quoted", ("Side",)),
        ("raw html", ("Side",)),
    ]


def test_html_is_what_a_reader_of_the_page_sees() -> None:
    source = (
        "<html><head><title>T</title><style>p{}</style></head><body><nav>Home</nav><script>var x = '<p>no</p>'</script>"
        "<h1>Pump &amp; valve</h1><p>One\n  two<br>three</p><h3>Parts</h3><ul><li>a<li>b <b>c</b></ul>"
        "<table><tr><th>x</th><th>y</th></tr><tr><td>1</td><td></td></tr></table><pre>a\n  b</pre>"
        "<h2>Care</h2>loose &eacute; text</body></html>"
    )
    assert seen(read_html, source) == [
        ("One two\nthree", ("Pump & valve",)),
        ("- a\n- b c", ("Pump & valve", "Parts")),
        ("x | y\n1 |", ("Pump & valve", "Parts")),
        ("a\n  b", ("Pump & valve", "Parts")),
        ("loose é text", ("Pump & valve", "Care")),
    ]


def test_a_head_that_nobody_closed_hides_nothing_and_lines_end_as_the_formats_say() -> None:
    assert seen(read_html, "<head><title>T</title><meta charset=utf-8><p>a") == [("a", ())]
    assert seen(read_markdown, "- a\u2028b\n- c\r\n\r\n| x |\n|---|\n| 1 |\n") == [
        ("- a\u2028b\n- c", ()),
        ("| x |\n|---|\n| 1 |", ()),
    ]


def test_html_that_nobody_closed_is_read_all_the_same() -> None:
    assert seen(read_html, "<div><p>a<p>b<h2>c<p>d</script></div></div><ul><li>e") == [
        ("a", ()),
        ("b", ()),
        ("c", ()),
        ("d", ()),
        ("- e", ()),
    ]


def test_plain_text_has_headings_in_capitals_numbered_or_underlined() -> None:
    source = (
        "PUMP\n\nFirst line\nsecond.\n\n2. Care\n\nRinse.\n\n2.1 Filter\n\nMonthly.\n\n"
        "End\n---\nLast.\n\nNOT A HEADING.\n"
    )
    assert seen(read_plain, source) == [
        ("First line\nsecond.", ("PUMP",)),
        ("Rinse.", ("2. Care",)),
        ("Monthly.", ("2. Care", "2.1 Filter")),
        ("Last.", ("2. Care", "End")),
        ("NOT A HEADING.", ("2. Care", "End")),
    ]


def test_a_pdf_has_pages_and_the_headings_of_its_outline() -> None:
    pages = [
        Page(["Care", "Rinse the fil-", "ter (monthly).", "", "Dry it."], ["Care"]),
        Page(["Go on.", "Parts", "A."], ["Parts"]),
    ]
    reading = read_pdf(a_pdf(pages))
    assert reading.pages == 2
    assert reading.blocks == [
        Block("Rinse the filter (monthly). Dry it.", ("Care",), 1),
        Block("Go on.", ("Care",), 2),
        Block("A.", ("Parts",), 2),
    ]


def test_a_pdf_without_an_outline_has_the_headings_that_its_text_shows() -> None:
    reading = read_pdf(a_pdf([Page(["Words of the first page."]), Page(["And of the second."])]))
    assert [(block.text, block.page) for block in reading.blocks] == [
        ("Words of the first page.", 1),
        ("And of the second.", 2),
    ]


def test_every_type_has_its_reader_and_refuses_to_say_nothing() -> None:
    for media_type in MEDIA_TYPES:
        assert callable(reader_of(media_type))
    with pytest.raises(Unreadable, match="no_text"):
        checked(Reading(blocks=[Block(" ")]))
    with pytest.raises(Unreadable, match="too_much_text"):
        checked(Reading(blocks=[Block("x" * 2_000_001)]))
    with pytest.raises(Unreadable, match="too_many_pages"):
        checked(Reading(blocks=[Block("x")], pages=1001))


def test_what_no_database_can_hold_is_taken_out_of_texts_and_headings() -> None:
    reading = checked(Reading(blocks=[Block("a\0b \ud800", ("He\0ading",), 1)]))
    assert reading.blocks == [Block("ab ?", ("Heading",), 1)]
    found = checked(read_pdf(a_pdf([Page(["A zero\0byte."])])))
    assert [block.text for block in found.blocks] == ["A zerobyte."]
