"""A document of a customer's knowledge. Nothing of its content is here, only where it is kept, sealed.

`key` names a key in config's vault, one per document: to forget it is to make every blob of the document unreadable.
A blob is named by the SHA-256 (hex) of its sealed bytes.
"""

from contracts.registry import EventData, event


@event("knowledge_document.uploaded")
class KnowledgeDocumentUploaded(EventData, frozen=True, kw_only=True):
    """It is kept, and shall be read. `size` in bytes, `sha256` (hex) of the content; `language` is a BCP 47 tag."""

    name: str
    media_type: str
    size: int
    sha256: str
    language: str
    key: str
    blob: str


@event("knowledge_document.processed")
class KnowledgeDocumentProcessed(EventData, frozen=True, kw_only=True):
    """It can be searched: `blob` holds its chunks. Told again where they were embedded anew.

    `model` embedded them, in vectors of `dimensions` numbers, from `input_tokens` tokens; empty and 0 where none did.
    `pages` is 0 for what has none.
    """

    chunks: int
    blob: str
    pages: int = 0
    model: str = ""
    dimensions: int = 0
    input_tokens: int = 0


@event("knowledge_document.failed")
class KnowledgeDocumentFailed(EventData, frozen=True, kw_only=True):
    """It cannot be read, for the reason of `code`; it will not be tried again."""

    code: str


@event("knowledge_document.deleted")
class KnowledgeDocumentDeleted(EventData, frozen=True, kw_only=True):
    """Its key was forgotten, and with it content and chunks."""


KnowledgeDocumentEvent = (
    KnowledgeDocumentUploaded | KnowledgeDocumentProcessed | KnowledgeDocumentFailed | KnowledgeDocumentDeleted
)
