"""A document of a customer's knowledge: uploaded, read into chunks or failed, deleted. Its content never comes here."""

from typing import Literal, assert_never, cast

import msgspec

from chassis.decider import Decider
from chassis.errors import NotFound
from contracts.events.knowledge_document import (
    KnowledgeDocumentDeleted,
    KnowledgeDocumentEvent,
    KnowledgeDocumentFailed,
    KnowledgeDocumentProcessed,
    KnowledgeDocumentUploaded,
)
from contracts.registry import EventData

Status = Literal["queued", "processing", "ready", "failed"]


class Upload(msgspec.Struct, frozen=True):
    """Bring the document into being."""

    uploaded: KnowledgeDocumentUploaded


class Process(msgspec.Struct, frozen=True):
    """Its chunks are there, or there anew."""

    processed: KnowledgeDocumentProcessed


class Fail(msgspec.Struct, frozen=True):
    """It cannot be read."""

    code: str


class Delete(msgspec.Struct, frozen=True):
    """Its key is forgotten."""


class Absent(msgspec.Struct, frozen=True):
    """Nothing was uploaded yet."""


class Kept(msgspec.Struct, frozen=True):
    """A document; `processed` is what came of reading it, `failure` why nothing did. `blobs` are all of its blobs."""

    uploaded: KnowledgeDocumentUploaded
    processed: KnowledgeDocumentProcessed | None = None
    failure: str = ""
    blobs: tuple[str, ...] = ()

    @property
    def over(self) -> bool:
        """Whether it was read, or cannot be."""
        return self.processed is not None or bool(self.failure)


class Deleted(msgspec.Struct, frozen=True):
    """It was there."""


State = Absent | Kept | Deleted
Command = Upload | Process | Fail | Delete


class NoSuchDocument(NotFound):
    """There is none of that id, or not any more."""

    code, title = "unknown_document", "There is no such document"


def evolve(state: State, event: EventData) -> State:
    """State after one event."""
    known = cast(KnowledgeDocumentEvent, event)
    if isinstance(known, KnowledgeDocumentUploaded):
        return Kept(known, blobs=(known.blob,))
    if not isinstance(state, Kept):
        return state
    match known:
        case KnowledgeDocumentProcessed():
            return msgspec.structs.replace(state, processed=known, failure="", blobs=(*state.blobs, known.blob))
        case KnowledgeDocumentFailed():
            return msgspec.structs.replace(state, failure=known.code)
        case KnowledgeDocumentDeleted():
            return Deleted()
        case _:
            assert_never(known)


def decide(command: Command, state: State) -> list[EventData]:
    """Events of a command; raises NoSuchDocument."""
    match command, state:
        case Upload(uploaded), Absent():
            return [uploaded]
        case Upload(), _:
            return []
        case Delete(), Deleted():
            return []
        case _, Absent() | Deleted():
            raise NoSuchDocument
        case Process(processed), Kept() as kept:
            return [] if kept.failure or not _better(processed, kept.processed) else [processed]
        case Fail(code), Kept() as kept:
            return [] if kept.over else [KnowledgeDocumentFailed(code=code)]
        case Delete(), Kept():
            return [KnowledgeDocumentDeleted()]
        case _:
            raise AssertionError("commands and states are closed unions")


def _better(new: KnowledgeDocumentProcessed, old: KnowledgeDocumentProcessed | None) -> bool:
    """What two processes read at once is told once; only another model's vectors are told again."""
    return old is None or bool(new.model and new.model != old.model)


KNOWLEDGE_DOCUMENT: Decider[Command, EventData, State] = Decider(initial=Absent(), evolve=evolve, decide=decide)
