"""A panel kind of a customer's own: created, revised, archived. Each revision is the kind's next version, from 1."""

from typing import assert_never, cast

import msgspec

from chassis.decider import Decider
from chassis.errors import Conflict, NotFound
from contracts.events.panel_kind import PanelKindArchived, PanelKindCreated, PanelKindEvent, PanelKindRevised
from contracts.panels.kind import PanelKind
from contracts.registry import EventData


class Write(msgspec.Struct, frozen=True):
    """The whole kind as it shall read; its version is given here, whatever it says."""

    kind: PanelKind


class Archive(msgspec.Struct, frozen=True):
    """Take it out of use."""


class Absent(msgspec.Struct, frozen=True):
    """Nothing was written yet."""


class Written(msgspec.Struct, frozen=True):
    """The last version, and whether the kind is archived."""

    kind: PanelKind
    archived: bool = False


State = Absent | Written
Command = Write | Archive


class KindArchived(Conflict):
    """An archived kind is not revised."""

    code, title = "panel_kind_archived", "The panel kind is archived"


def evolve(state: State, event: EventData) -> State:
    """State after one event."""
    known = cast(PanelKindEvent, event)
    match known:
        case PanelKindCreated(definition=kind) | PanelKindRevised(definition=kind):
            return Written(kind)
        case PanelKindArchived():
            return Written(state.kind, archived=True) if isinstance(state, Written) else state
        case _:
            assert_never(known)


def decide(command: Command, state: State) -> list[EventData]:
    """Events of a command; raises NotFound, KindArchived."""
    match command, state:
        case Write(kind), Absent():
            return [PanelKindCreated(definition=_numbered(kind, 1))]
        case Write(), Written(archived=True):
            raise KindArchived
        case Write(kind), Written(known):
            if kind.file == known.file:
                return []
            return [PanelKindRevised(definition=_numbered(kind, known.version + 1))]
        case Archive(), Absent():
            raise NotFound("no such panel kind")
        case Archive(), Written(archived=archived):
            return [] if archived else [PanelKindArchived()]
        case _:
            raise AssertionError("commands and states are closed unions")


def _numbered(kind: PanelKind, version: int) -> PanelKind:
    return msgspec.structs.replace(kind, version=version)


PANEL_KIND: Decider[Command, EventData, State] = Decider(initial=Absent(), evolve=evolve, decide=decide)
