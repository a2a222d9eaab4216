"""What may be uploaded, and that it is what it is said to be."""

import pytest

from chassis.errors import Refusal
from config.domain.uploads import (
    HTML,
    MARKDOWN,
    MAX_BYTES,
    MAX_NAME,
    PDF,
    PLAIN,
    check_content,
    checked_language,
    checked_name,
    declared_type,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("header", "kind"),
    [("text/plain", PLAIN), ("Text/Markdown; charset=UTF-8", MARKDOWN), ('text/html;charset="utf-8"', HTML)],
)
def test_a_type_is_read_with_its_charset(header: str, kind: str) -> None:
    assert declared_type(header) == kind


@pytest.mark.parametrize("header", ["", "application/zip", "text/plain; charset=latin-1", "multipart/form-data"])
def test_other_types_and_charsets_are_refused(header: str) -> None:
    with pytest.raises(Refusal) as refused:
        declared_type(header)
    assert refused.value.status == 415


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (PLAIN, b"words"),
        (MARKDOWN, "\ufeff# Ü".encode()),
        (HTML, b"\n <!-- --> <p>x</p>"),
        (PDF, b"\n%PDF-1.4 and so on"),
    ],
)
def test_content_of_its_type_is_taken(kind: str, content: bytes) -> None:
    check_content(kind, content)


@pytest.mark.parametrize(
    ("kind", "content", "code"),
    [
        (PDF, b"PK\x03\x04", "content_mismatch"),
        (PDF, b" " * 2000 + b"%PDF-1.4", "content_mismatch"),
        (PLAIN, b"%PDF-1.7", "content_mismatch"),
        (PLAIN, b"\x89PNG\r\n", "content_mismatch"),
        (MARKDOWN, b"a\0b", "content_mismatch"),
        (HTML, b"no tag < here > at all", "content_mismatch"),
        (PLAIN, b" \n", "invalid_document"),
        (PLAIN, b"x" * (MAX_BYTES + 1), "too_large"),
    ],
)
def test_content_of_another_type_is_refused(kind: str, content: bytes, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_content(kind, content)
    assert refused.value.code == code


def test_names_and_languages_are_bounded_and_printable() -> None:
    assert checked_name("  the \n manual ") == "the manual"
    assert checked_language("de-AT") == "de-AT"
    for bad in ("", " ", "x" * (MAX_NAME + 1), "a\x07b"):
        with pytest.raises(Refusal):
            checked_name(bad)
    for bad in ("", "english", "e", "en_US", "en; drop"):
        with pytest.raises(Refusal):
            checked_language(bad)
