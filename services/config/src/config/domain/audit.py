"""What an event changed of its entity: from what to what. Pure.

An *audit entry* is one event, as told to people. An entity's *document* is what its events have said of it so far, each
word the latest. Nothing secret comes into it: `data` holds no secret and nothing personal, and what stands for a secret
or a person (a digest, a secret's id, the query of a URL) is hidden behind a mark that tells two of them apart and
neither of them.
"""

import hashlib
import re
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from config.domain.difference import Change, changes
from contracts.events.template import TemplateAliasMoved, TemplateAliasRemoved
from contracts.registry import EventData

Document = dict[str, Any]
ActorKind = Literal["key", "member", "operator", "baton"]
"""`baton` is Baton itself: one of its services, or the seeding of a new deployment."""

MAX_CHANGES = 100
MAX_SHOWN = 2_000
_LEAD = 100
_ACTORS: dict[str, ActorKind] = {"key": "key", "mem": "member", "op": "operator"}
_SECRET = re.compile(r"(\A|_)(secret|digest|password|token|hash|address|identity)s?\Z")
_URL = re.compile(r"(\A|_)url\Z")
_SAID: dict[str, Document] = {
    "archived": {"archived": True},
    "deleted": {"deleted": True},
    "removed": {"removed": True},
    "erased": {"erased": True},
    "revoked": {"revoked": True},
    "disabled": {"disabled": True},
    "enabled": {"disabled": False, "reason": ""},
    "suspended": {"suspended": True},
    "resumed": {"suspended": False, "reason": ""},
}
"""What an event says by its name alone."""

_OVER = ("archived", "deleted", "removed")
_BEGINNINGS = frozenset({"created", "joined"})
_OF_ITS_OWN = {"member": "member", "invitation": "invitation"}
"""Families that share their customer's one stream, and the field that names the entity."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The changes of one event; `whole` is false where there were more, or longer ones, than are told."""

    changes: list[Change]
    whole: bool


def entity_of(kind: str, subject: str, type: str, data: EventData) -> tuple[str, str]:
    """Kind and id of what an event is about, by the kind and id of its stream."""
    family = type.partition(".")[0]
    field = _OF_ITS_OWN.get(family)
    return (family, getattr(data, field)) if field else (kind, subject)


def document_after(before: Document, type: str, data: EventData) -> Document:
    """The document after one event."""
    verb = type.rpartition(".")[2]
    match data:
        case TemplateAliasMoved():
            told: Document = {"aliases": {**before.get("aliases", {}), data.alias: _plain(data.targets)}}
        case TemplateAliasRemoved():
            kept = {name: targets for name, targets in before.get("aliases", {}).items() if name != data.alias}
            told = {"aliases": kept}
        case _:
            told = {name: _plain(value) for name, value in msgspec.structs.asdict(data).items()}
    anew = {name: False for name in _OVER if before.get(name)} if verb in _BEGINNINGS else {}
    return {**before, **anew, **_SAID.get(verb, {}), **_without_secrets(told)}


def kind_of_actor(actor: str) -> ActorKind:
    """What an actor is, by its id."""
    prefix, _, rest = actor.partition("_")
    return _ACTORS.get(prefix, "baton") if rest else "baton"


def difference_of(before: Document, after: Document) -> Difference:
    """What differs between two documents, in the order of the pointers, and not at any length."""
    found = changes(before, after)
    shown = [_shortened(change) for change in found[:MAX_CHANGES]]
    return Difference(changes=shown, whole=shown == found)


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)


def _without_secrets(document: Document) -> Document:
    return {name: _guarded(name, value) for name, value in document.items()}


def _guarded(name: str, value: Any) -> Any:
    match value:
        case dict():
            return _without_secrets(value)
        case list():
            return [_guarded(name, inner) for inner in value]
        case str() if value and _SECRET.search(name):
            return _mark(value)
        case str() if _URL.search(name) and ("?" in value or "@" in value):
            return _url(value)
        case _:
            return value


def _url(url: str) -> str:
    """Without what may be a credential: the user's part and the query."""
    place, asks, query = url.partition("?")
    scheme, _, rest = place.partition("://")
    user, at, host = rest.rpartition("@")
    shown = f"{scheme}://{_mark(user)}@{host}" if at else place
    return f"{shown}?{_mark(query)}" if asks else shown


def _mark(secret: str) -> str:
    return f"(hidden {hashlib.sha256(secret.encode()).hexdigest()[:8]})"


def _shortened(change: Change) -> Change:
    """Long texts from a little before the place where they begin to differ; other long values as the text they are."""
    values = {"before": change.before, "after": change.after}
    texts = {
        side: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for side, value in values.items()
        if value is not UNSET
    }
    if all(len(text) <= MAX_SHOWN for text in texts.values()):
        return change
    start = _where_they_part(*texts.values()) if len(texts) > 1 else 0
    return msgspec.structs.replace(change, **{side: _window(text, start) for side, text in texts.items()})


def _where_they_part(one: str, other: str) -> int:
    shorter = min(len(one), len(other))
    parted = next((place for place in range(shorter) if one[place] != other[place]), shorter)
    return max(0, parted - _LEAD)


def _window(text: str, start: int) -> str:
    end = start + MAX_SHOWN
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
