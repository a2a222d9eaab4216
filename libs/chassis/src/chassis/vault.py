"""Secrets of customers at rest: AES-256-GCM under a data key per customer, which a key-encryption key wraps.

A ciphertext is bound to its customer, entity, field, id and data key: in another's place it does not open.
Key-encryption keys rotate without downtime and without touching a secret, since only data keys are wrapped anew:
1. give every process ``old,new``: all can open what either wrapped;
2. give every process ``new,old``: the first one wraps; data keys are wrapped anew as they are read;
3. run `rewrap` (config's migration does), and give every process ``new``.
Nothing here is logged. To forget a customer's secrets for good is to delete that customer's data key.
"""

import contextlib
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from chassis.ids import new_id
from chassis.sealing import KEY_BYTES, SealBroken, new_key, seal, unseal
from chassis.secret_bucket import ChangedMeanwhile, Kept, SecretBucket

MAX_SECRET_BYTES = 4096
_CACHED_CUSTOMERS = 1000
_KEY, _SECRET = "key", "secret"

T = TypeVar("T")


class SecretMissing(Exception):
    """No secret of that id belongs to that customer: it was forgotten, or never was."""

    code = "secret_missing"


class KeyUnknown(SealBroken):
    """A data key is wrapped by a key-encryption key that this process was not given."""

    code = "key_unknown"


class Keyring:
    """Key-encryption keys of 32 bytes each: the first wraps, all unwrap. An id is the start of a key's SHA-256."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"at least one key of {KEY_BYTES} bytes is expected")
        self._keys = {hashlib.sha256(b"baton key id" + key).hexdigest()[:16]: key for key in keys}
        self.current = next(iter(self._keys))

    @classmethod
    def parse(cls, text: str) -> "Keyring":
        """From 64 hexadecimal digits each, commas between, the current one first; raises ValueError."""
        return cls([bytes.fromhex(one.strip()) for one in text.split(",")])

    def key(self, id: str) -> bytes:
        """One key; raises KeyUnknown."""
        try:
            return self._keys[id]
        except KeyError:
            raise KeyUnknown(f"the key-encryption key {id} is not among those given") from None


class _DataKey(msgspec.Struct, frozen=True):
    """A customer's data key as kept: its id, which key wraps it, and the wrapped key."""

    id: str
    wrapped_by: str
    wrapped: bytes


class _Sealed(msgspec.Struct, frozen=True):
    """A secret as kept."""

    key: str
    sealed: bytes


class Vault:
    """Seals secrets into a bucket and opens them. Raises LogFault when the bucket is out of reach."""

    def __init__(self, *, bucket: SecretBucket, keys: Keyring) -> None:
        self._bucket, self._keys = bucket, keys
        self._opened: OrderedDict[str, tuple[str, bytes]] = OrderedDict()

    async def put(self, *, customer: str, entity: str, field: str, secret: bytes) -> str:
        """Keep a secret under a fresh id, which may stand in a log. Raises ValueError for one that is too long."""
        if len(secret) > MAX_SECRET_BYTES:
            raise ValueError(f"a secret has at most {MAX_SECRET_BYTES} bytes")
        id = new_id("sct")
        key_id, key = await self._data_key(customer)
        sealed = seal(key, secret, binding=_binding(customer, entity, field, id, key_id))
        await self._bucket.put(_name(customer, id), msgspec.json.encode(_Sealed(key_id, sealed)), expected=0)
        return id

    async def get(self, *, customer: str, entity: str, field: str, id: str) -> bytes:
        """Open a secret. Raises SecretMissing, SealBroken (KeyUnknown among it)."""
        kept = await self._bucket.get(_name(customer, id))
        if kept is None:
            raise SecretMissing(id)
        sealed = _decoded(kept, _Sealed)
        key_id, key = await self._data_key(customer)
        if sealed.key != key_id:
            raise SealBroken("the secret was sealed under another data key")
        return unseal(key, sealed.sealed, binding=_binding(customer, entity, field, id, key_id))

    async def forget(self, *, customer: str, id: str) -> None:
        """Delete a secret; twice is safe."""
        await self._bucket.delete(_name(customer, id))

    async def rewrap(self) -> int:
        """Wrap every data key with the current key-encryption key; returns how many were not. Raises KeyUnknown."""
        changed = 0
        for name in await self._bucket.names(_KEY):
            customer = name.removeprefix(f"{_KEY}.")
            kept = await self._bucket.get(name)
            if kept is not None and _decoded(kept, _DataKey).wrapped_by != self._keys.current:
                await self._unwrap(customer, kept)
                changed += 1
        return changed

    async def _data_key(self, customer: str) -> tuple[str, bytes]:
        """The customer's data key, made at first use."""
        if customer not in self._opened:
            self._opened[customer] = await self._load(customer)
            while len(self._opened) > _CACHED_CUSTOMERS:
                self._opened.popitem(last=False)
        self._opened.move_to_end(customer)
        return self._opened[customer]

    async def _load(self, customer: str) -> tuple[str, bytes]:
        kept = await self._bucket.get(f"{_KEY}.{customer}")
        if kept is not None:
            return await self._unwrap(customer, kept)
        id, key = new_id("dek"), new_key()
        try:
            await self._wrap(customer, id, key, expected=0)
        except ChangedMeanwhile:
            kept = await self._bucket.get(f"{_KEY}.{customer}")
            if kept is None:
                raise
            return await self._unwrap(customer, kept)
        return id, key

    async def _unwrap(self, customer: str, kept: Kept) -> tuple[str, bytes]:
        """Open a data key, and wrap it anew where that was not done by the current key."""
        known = _decoded(kept, _DataKey)
        binding = _key_binding(customer, known.id, known.wrapped_by)
        key = unseal(self._keys.key(known.wrapped_by), known.wrapped, binding=binding)
        if known.wrapped_by != self._keys.current:
            with contextlib.suppress(ChangedMeanwhile):  # another process wraps it anew, too
                await self._wrap(customer, known.id, key, expected=kept.revision)
        return known.id, key

    async def _wrap(self, customer: str, id: str, key: bytes, *, expected: int) -> None:
        by = self._keys.current
        wrapped = seal(self._keys.key(by), key, binding=_key_binding(customer, id, by))
        content = msgspec.json.encode(_DataKey(id, by, wrapped))
        await self._bucket.put(f"{_KEY}.{customer}", content, expected=expected)


def _decoded(kept: Kept, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(kept.content, type=kind)
    except msgspec.MsgspecError as error:
        raise SealBroken("what is kept is not a sealed value") from error


def _name(customer: str, id: str) -> str:
    return f"{_SECRET}.{customer}.{id}"


def _binding(customer: str, entity: str, field: str, id: str, key: str) -> bytes:
    return msgspec.json.encode(["secret", customer, entity, field, id, key])


def _key_binding(customer: str, id: str, wrapped_by: str) -> bytes:
    return msgspec.json.encode(["data key", customer, id, wrapped_by])
