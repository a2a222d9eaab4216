"""Writes small PDFs: pages of plain lines, with an outline of their headings. And hostile ones, for whoever reads them.

The format: ISO 32000-1, §7.5 (file structure), §12.3.3 (outline).
"""

import zlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

PAGE_BREAK = "---"
_LEADING = 14


class Page(msgspec.Struct):
    """The lines of a page, and which of them are headings."""

    lines: list[str]
    headings: list[str] = []


def pages_of(source: Path) -> list[Page]:
    """From a text whose pages stand between lines of three dashes; a line after an empty one is a heading."""
    pages = [Page([])]
    before = ""
    for line in source.read_text().splitlines():
        if line == PAGE_BREAK:
            pages.append(Page([]))
            line = ""
        elif line.startswith("# "):
            pages[-1].lines.append(line[2:])
            line = ""
        else:
            if line and not before:
                pages[-1].headings.append(line)
            pages[-1].lines.append(line)
        before = line
    return pages


def a_pdf(pages: Sequence[Page], *, content: bytes | None = None, filters: str = "/FlateDecode") -> bytes:
    """The file. `content` is every page's stream, as it stands, in place of its lines."""
    objects: list[bytes] = [b"", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids: list[int] = []
    for page in pages:
        stream = content if content is not None else zlib.compress(_drawn(page.lines))
        head = f"<< /Length {len(stream)} /Filter [{filters}] >>".encode()
        objects.append(head + b"\nstream\n" + stream + b"\nendstream")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {len(objects)} 0 R"
            " /Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        kids.append(len(objects))
    named = " ".join(f"{kid} 0 R" for kid in kids)
    objects[1] = f"<< /Type /Pages /Count {len(kids)} /Kids [{named}] >>".encode()
    outline = _outline(
        objects, [(title, kid) for page, kid in zip(pages, kids, strict=True) for title in page.headings]
    )
    objects[0] = f"<< /Type /Catalog /Pages 2 0 R{outline} >>".encode()
    return _file(objects)


def a_bomb() -> bytes:
    """A page of some hundred bytes that unpacks, twice, to 100 megabytes."""
    inner = zlib.compressobj(9)
    packed = b"".join(inner.compress(bytes(1_000_000)) for _ in range(100)) + inner.flush()
    return a_pdf([Page([])], content=zlib.compress(packed, 9), filters="/FlateDecode /FlateDecode")


def _drawn(lines: Sequence[str]) -> bytes:
    shown = [f"({_escaped(line)}) Tj T*" for line in lines]
    return "\n".join(["BT /F1 10 Tf 50 790 Td", f"{_LEADING} TL", *shown, "ET"]).encode("latin-1")


def _escaped(line: str) -> str:
    return line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _outline(objects: list[bytes], entries: Sequence[tuple[str, int]]) -> str:
    """Append it to the objects; what the catalogue says of it."""
    if not entries:
        return ""
    root = len(objects) + 1
    numbers = [root + 1 + place for place in range(len(entries))]
    objects.append(
        f"<< /Type /Outlines /First {numbers[0]} 0 R /Last {numbers[-1]} 0 R /Count {len(entries)} >>".encode()
    )
    for place, (title, page) in enumerate(entries):
        beside = f" /Prev {numbers[place - 1]} 0 R" if place else ""
        beside += f" /Next {numbers[place + 1]} 0 R" if place + 1 < len(entries) else ""
        words = f"<< /Title ({_escaped(title)}) /Parent {root} 0 R /Dest [{page} 0 R /Fit]{beside} >>"
        objects.append(words.encode("latin-1"))
    return f" /Outlines {root} 0 R"


def _file(objects: Sequence[bytes]) -> bytes:
    written = b"%PDF-1.7\n"
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(len(written))
        written += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    xref = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    trailer = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(written)}\n%%EOF\n"
    return written + (xref + trailer).encode()
