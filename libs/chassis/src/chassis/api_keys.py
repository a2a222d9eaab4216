"""API keys: their form, and the read model by which any service checks them without asking another.

A key is ``sk_<test|live>_<id>_<43 characters>_<crc>``. The log has only its keyed hash; the checksum lets a wrong
or truncated key be refused, and a leaked one be recognised, without a look-up.
"""

import asyncio
import os
import zlib

import msgspec

from chassis.errors import NotAllowed, NotAuthenticated
from chassis.event_log import Commit, EventLog
from chassis.sealing import keyed_digest
from contracts.envelope import Envelope, decode_commit
from contracts.events.api_key import ApiKeyIssued, ApiKeyRevoked
from contracts.ids import ApiKeyId, CustomerId
from contracts.registry import decode_data
from contracts.subjects import Log

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_LENGTH = 43


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Whose key it is and how far it reaches."""

    customer: CustomerId
    key: ApiKeyId
    scopes: frozenset[str]
    livemode: bool

    def require(self, scope: str) -> None:
        """Raise NotAllowed without this scope."""
        if scope not in self.scopes:
            raise NotAllowed(f"this key lacks the scope {scope}")


def new_api_key(key_id: ApiKeyId, *, livemode: bool) -> str:
    """A fresh key; shown once, never stored."""
    secret = "".join(_ALPHABET[byte % 62] for byte in os.urandom(_SECRET_LENGTH))
    body = f"sk_{'live' if livemode else 'test'}_{key_id.removeprefix('key_')}_{secret}"
    return f"{body}_{_checksum(body)}"


def api_key_digest(pepper: bytes, key: str) -> str:
    """The hash that the log holds: HMAC-SHA-256 under the deployment's pepper, hex."""
    return keyed_digest(pepper, key.encode())


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"


class ApiKeys:
    """All API keys, folded in memory from the CONFIG log by `follow`; nothing to rebuild, nothing to lose."""

    def __init__(self, *, log: EventLog, pepper: bytes) -> None:
        self._log, self._pepper = log, pepper
        self._by_digest: dict[str, Principal] = {}
        self._digest_of: dict[str, str] = {}
        self.caught_up = asyncio.Event()

    async def follow(self) -> None:
        """Follow the log for ever; `caught_up` is set when all keys of before the start are known."""
        end = await self._log.end(Log.CONFIG)
        if end == 0:
            self.caught_up.set()
        async for batch in self._log.tail(Log.CONFIG):
            for commit in batch:
                self._apply(commit)
            if batch[-1].sequence >= end:
                self.caught_up.set()

    def authenticate(self, key: str) -> Principal:
        """Whose key this is; raises NotAuthenticated for one that is malformed, unknown or revoked."""
        body, _, checksum = key.rpartition("_")
        if not body.startswith("sk_") or _checksum(body) != checksum:
            raise NotAuthenticated("the API key is malformed or truncated")
        principal = self._by_digest.get(api_key_digest(self._pepper, key))
        if principal is None:
            raise NotAuthenticated("the API key is unknown or revoked")
        return principal

    def _apply(self, commit: Commit) -> None:
        if commit.subject.split(".")[2] != "api_key":
            return
        for envelope in decode_commit(commit.payload):
            self._evolve(envelope)

    def _evolve(self, envelope: Envelope) -> None:
        match decode_data(envelope):
            case ApiKeyIssued() as issued:
                self._digest_of[envelope.subject] = issued.digest
                self._by_digest[issued.digest] = Principal(
                    customer=envelope.customer,
                    key=ApiKeyId(envelope.subject),
                    scopes=frozenset(issued.scopes),
                    livemode=issued.livemode,
                )
            case ApiKeyRevoked():
                self._by_digest.pop(self._digest_of.get(envelope.subject, ""), None)
            case _:
                pass
