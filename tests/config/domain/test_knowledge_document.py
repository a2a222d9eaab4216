"""A document's life: uploaded once, read or failed once, embedded anew, deleted for good."""

import msgspec
import pytest

from config.domain.knowledge_document import KNOWLEDGE_DOCUMENT, Delete, Fail, Kept, NoSuchDocument, Process, Upload
from contracts.events.knowledge_document import (
    KnowledgeDocumentDeleted,
    KnowledgeDocumentFailed,
    KnowledgeDocumentProcessed,
    KnowledgeDocumentUploaded,
)
from contracts.registry import EventData

pytestmark = pytest.mark.unit

UPLOADED = KnowledgeDocumentUploaded(
    name="a.md", media_type="text/markdown", size=1, sha256="0", language="en", key="sct_1", blob="b1"
)
BARE = KnowledgeDocumentProcessed(chunks=2, blob="b2")
EMBEDDED = KnowledgeDocumentProcessed(chunks=2, blob="b3", model="small", dimensions=3, input_tokens=9)
OTHER = KnowledgeDocumentProcessed(chunks=2, blob="b4", model="large", dimensions=3, input_tokens=9)
FAILED, DELETED = KnowledgeDocumentFailed(code="no_text"), KnowledgeDocumentDeleted()

Command = Upload | Process | Fail | Delete


def decided(before: list[EventData], command: Command) -> list[EventData]:
    state = KNOWLEDGE_DOCUMENT.initial
    for event in before:
        state = KNOWLEDGE_DOCUMENT.evolve(state, event)
    return KNOWLEDGE_DOCUMENT.decide(command, state)


@pytest.mark.parametrize(
    ("before", "command", "events"),
    [
        ([], Upload(UPLOADED), [UPLOADED]),
        ([UPLOADED], Upload(UPLOADED), []),
        ([UPLOADED], Process(BARE), [BARE]),
        ([UPLOADED, BARE], Process(msgspec.structs.replace(BARE, blob="b9")), []),
        ([UPLOADED, BARE], Process(EMBEDDED), [EMBEDDED]),
        ([UPLOADED, EMBEDDED], Process(BARE), []),
        ([UPLOADED, EMBEDDED], Process(msgspec.structs.replace(EMBEDDED, blob="b9")), []),
        ([UPLOADED, EMBEDDED], Process(OTHER), [OTHER]),
        ([UPLOADED], Fail("no_text"), [FAILED]),
        ([UPLOADED, BARE], Fail("no_text"), []),
        ([UPLOADED, FAILED], Fail("too_slow"), []),
        ([UPLOADED, FAILED], Process(BARE), []),
        ([UPLOADED, BARE], Delete(), [DELETED]),
        ([UPLOADED, DELETED], Delete(), []),
    ],
)
def test_commands_and_their_events(before: list[EventData], command: Command, events: list[EventData]) -> None:
    assert decided(before, command) == events


@pytest.mark.parametrize("before", [[], [UPLOADED, DELETED]])
@pytest.mark.parametrize("command", [Process(BARE), Fail("no_text")])
def test_nothing_is_read_that_is_not_there(before: list[EventData], command: Command) -> None:
    with pytest.raises(NoSuchDocument):
        decided(before, command)


def test_nothing_that_never_was_is_deleted() -> None:
    with pytest.raises(NoSuchDocument):
        decided([], Delete())


def test_a_document_knows_all_of_its_blobs() -> None:
    state = KNOWLEDGE_DOCUMENT.initial
    for event in (UPLOADED, BARE, EMBEDDED):
        state = KNOWLEDGE_DOCUMENT.evolve(state, event)
    assert isinstance(state, Kept)
    assert (state.blobs, state.over) == (("b1", "b2", "b3"), True)
