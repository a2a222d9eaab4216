"""What may be uploaded: which types, how large, and that the bytes are what they are said to be."""

import re
from typing import Final

from chassis.errors import InvalidInput, TooLarge

PLAIN: Final = "text/plain"
MARKDOWN: Final = "text/markdown"
HTML: Final = "text/html"
PDF: Final = "application/pdf"
MEDIA_TYPES = (PLAIN, MARKDOWN, HTML, PDF)

MAX_BYTES = 10 * 1024 * 1024
MAX_NAME = 200
_PDF_WITHIN = 1024
_TAG = re.compile(r"<(!doctype|!--|[a-z][a-z0-9]*)[\s>/]", re.IGNORECASE)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")


class MediaTypeRefused(InvalidInput):
    """No reader for it."""

    status, code, title = 415, "unsupported_media_type", f"A document is one of {', '.join(MEDIA_TYPES)}, in UTF-8"


class NotWhatItSays(InvalidInput):
    """The bytes are not of the type that was declared."""

    code, title = "content_mismatch", "The content is not of the declared type"


class DocumentTooLarge(TooLarge):
    """More than a document may have."""

    code, title = "too_large", f"A document has at most {MAX_BYTES} bytes"


class BadDocument(InvalidInput):
    """What is said about the document cannot be."""

    code, title = "invalid_document", "The document cannot be taken"


def declared_type(content_type: str) -> str:
    """The media type of a Content-Type header, in lower case; raises MediaTypeRefused."""
    kind, *parameters = [part.strip().lower() for part in content_type.split(";")]
    charsets = [one.partition("=")[2].strip('" ') for one in parameters if one.startswith("charset=")]
    if kind not in MEDIA_TYPES or any(one not in ("utf-8", "utf8", "us-ascii") for one in charsets):
        raise MediaTypeRefused
    return kind


def check_content(media_type: str, content: bytes) -> None:
    """Raises BadDocument for nothing, DocumentTooLarge, NotWhatItSays."""
    if not content.strip():
        raise BadDocument("the document is empty")
    if len(content) > MAX_BYTES:
        raise DocumentTooLarge
    if media_type == PDF:
        if b"%PDF-" not in content[:_PDF_WITHIN]:
            raise NotWhatItSays("a PDF begins with %PDF-")
        return
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotWhatItSays("the text is not UTF-8") from None
    if "\0" in text or content.startswith(b"%PDF-"):
        raise NotWhatItSays("the content is not text")
    if media_type == HTML and not _TAG.search(text):
        raise NotWhatItSays("there is no tag of HTML in it")


def checked_name(name: str) -> str:
    """The name without space around it; raises BadDocument."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise BadDocument(f"a name has 1 to {MAX_NAME} printable characters")
    return name


def checked_language(language: str) -> str:
    """The language tag as it came; raises BadDocument."""
    if not _LANGUAGE.match(language):
        raise BadDocument("the language is a tag such as en or de-AT")
    return language
