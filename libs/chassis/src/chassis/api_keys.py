"""API keys: their form, and the fold by which any service checks them without asking another.

A key is ``<sk|pk>_<test|live>_<id>_<43 characters>_<crc>``: secret or publishable. The log has only its keyed hash.
"""

from datetime import datetime

import msgspec

from chassis.clock import Clock, SystemClock
from chassis.credential_text import is_whole, new_credential
from chassis.errors import NotAuthenticated
from chassis.principal import Principal
from chassis.sealing import keyed_digest
from contracts.envelope import Envelope, parse_time
from contracts.events.api_key import ApiKeyExpirySet, ApiKeyIssued, ApiKeyRevoked, KeyKind
from contracts.ids import ApiKeyId, CustomerId
from contracts.registry import EventData

_PREFIXES: dict[KeyKind, str] = {"secret": "sk", "publishable": "pk"}


class KeyExpired(NotAuthenticated):
    """The key was good once."""

    code, title = "key_expired", "The API key has expired"


class KnownKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as the log tells it. Times are RFC 3339 UTC, empty where there is none; `hint` ends the key."""

    principal: Principal
    kind: KeyKind
    hint: str
    created_at: str
    expires_at: str = ""
    revoked_at: str = ""
    rotated_from: str = ""
    expires: datetime | None = None


def new_api_key(key_id: ApiKeyId, *, livemode: bool, kind: KeyKind = "secret") -> str:
    """A fresh key; shown once, never stored."""
    mode = "live" if livemode else "test"
    return new_credential(f"{_PREFIXES[kind]}_{mode}_{key_id.removeprefix('key_')}")


def api_key_digest(pepper: bytes, key: str) -> str:
    """The hash that the log holds: HMAC-SHA-256 under the deployment's pepper, hex."""
    return keyed_digest(pepper, key.encode())


class ApiKeys:
    """All API keys, as folded so far (chassis.access reads the log)."""

    def __init__(self, *, pepper: bytes, clock: Clock | None = None) -> None:
        self._pepper, self._clock = pepper, clock or SystemClock()
        self._by_digest: dict[str, ApiKeyId] = {}
        self._keys: dict[ApiKeyId, KnownKey] = {}
        self._of_customer: dict[CustomerId, list[ApiKeyId]] = {}
        self._used: dict[ApiKeyId, datetime] = {}

    def authenticate(self, key: str) -> Principal:
        """Whose key this is; raises NotAuthenticated (KeyExpired) for a malformed, unknown, revoked or expired one."""
        kind = next((kind for kind, prefix in _PREFIXES.items() if key.startswith(f"{prefix}_")), None)
        if kind is None or not is_whole(key):
            raise NotAuthenticated("the API key is malformed or truncated")
        id = self._by_digest.get(api_key_digest(self._pepper, key))
        known = self._keys.get(id) if id else None
        if known is None or known.revoked_at or known.principal.kind != kind:
            raise NotAuthenticated("the API key is unknown or revoked")
        now = self._clock.now()
        if known.expires is not None and known.expires <= now:
            raise KeyExpired
        self._used[known.principal.key] = now
        return known.principal

    def of(self, customer: CustomerId) -> list[KnownKey]:
        """All keys that the customer ever had, in the order in which they were issued."""
        return [self._keys[id] for id in self._of_customer.get(customer, ())]

    def take_uses(self) -> dict[ApiKeyId, datetime]:
        """The keys used in this process since the last call, and when last."""
        used, self._used = self._used, {}
        return used

    def apply(self, envelope: Envelope, event: EventData) -> None:
        """Fold one event; pass over what is not about keys."""
        id = ApiKeyId(envelope.subject)
        known = self._keys.get(id)
        match event:
            case ApiKeyIssued() as issued:
                self._keys[id] = _known(envelope, issued)
                self._by_digest[issued.digest] = id
                if known is None:
                    self._of_customer.setdefault(envelope.customer, []).append(id)
            case ApiKeyExpirySet(expires_at=at) if known is not None:
                self._keys[id] = msgspec.structs.replace(known, expires_at=at, expires=parse_time(at))
            case ApiKeyRevoked() if known is not None:
                self._keys[id] = msgspec.structs.replace(known, revoked_at=envelope.time)
            case _:
                pass


def _known(envelope: Envelope, issued: ApiKeyIssued) -> KnownKey:
    principal = Principal(
        customer=envelope.customer,
        actor=envelope.subject,
        scopes=frozenset(issued.scopes),
        livemode=issued.livemode,
        kind=issued.kind,
        origins=frozenset(issued.origins),
        templates=frozenset(issued.templates),
    )
    return KnownKey(
        principal=principal,
        kind=issued.kind,
        hint=issued.hint,
        created_at=envelope.time,
        expires_at=issued.expires_at,
        rotated_from=issued.rotated_from,
        expires=parse_time(issued.expires_at) if issued.expires_at else None,
    )
