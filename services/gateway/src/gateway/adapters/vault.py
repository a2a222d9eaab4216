"""Data keys: made per session, wrapped by the customer's key, which the master key wraps. Only the gateway opens them.

Nothing here is logged. To erase a person is to delete the rows of that person.
"""

from collections import OrderedDict
from collections.abc import Collection, Mapping

import msgspec

from chassis.postgres.pool import Pool
from chassis.postgres.row_security import customers_rows
from chassis.sealing import derive_key, keyed_digest, new_key, seal, unseal
from contracts.ids import CustomerId, KeyId, SessionId

_CACHED_CUSTOMERS = 1000


class NewKey(msgspec.Struct, frozen=True):
    """A fresh data key, open and wrapped, and the keyed hash of the person whose words it seals."""

    key: bytes
    wrapped: bytes
    person: str


class SessionKey(msgspec.Struct, frozen=True):
    """A session's data key, 32 bytes, and its id."""

    keyid: KeyId
    key: bytes


class Vault:
    """Keys in PostgreSQL. `master` is 32 bytes; each purpose gets a key of its own from it."""

    def __init__(self, *, pool: Pool, master: bytes) -> None:
        self._pool = pool
        self._wrapping = derive_key(master, "customer keys")
        self._persons = derive_key(master, "persons")
        self._resume = derive_key(master, "resume tokens")
        self.identities = derive_key(master, "participant identities")
        self._customers: OrderedDict[CustomerId, bytes] = OrderedDict()

    async def new_data_key(self, *, customer: CustomerId, session: SessionId, keyid: KeyId, user_id: str) -> NewKey:
        """Make a key; it is not stored yet: that happens with the slot."""
        key = new_key()
        wrapping = await self._customer_key(customer)
        wrapped = seal(wrapping, key, binding=_binding(customer, session, keyid))
        return NewKey(key, wrapped, keyed_digest(self._persons, f"{customer}/{user_id}".encode()))

    async def data_key(self, *, customer: CustomerId, session: SessionId, keyid: KeyId) -> bytes | None:
        """The key, 32 bytes; None where no key of that id belongs to that session of that customer."""
        async with customers_rows(self._pool, customer) as db:
            wrapped = await db.fetchval(
                "select wrapped from data_key where customer = $1 and keyid = $2 and session = $3",
                customer,
                keyid,
                session,
            )
        if wrapped is None:
            return None
        return unseal(await self._customer_key(customer), wrapped, binding=_binding(customer, session, keyid))

    async def key_of_session(self, customer: CustomerId, session: SessionId) -> SessionKey | None:
        """The one key of a session; None once it is destroyed."""
        async with customers_rows(self._pool, customer) as db:
            row = await db.fetchrow(
                "select keyid, wrapped from data_key where customer = $1 and session = $2", customer, session
            )
        if row is None:
            return None
        binding = _binding(customer, session, row["keyid"])
        return SessionKey(row["keyid"], unseal(await self._customer_key(customer), row["wrapped"], binding=binding))

    async def data_keys(self, customer: CustomerId, keyids: Collection[KeyId]) -> dict[KeyId, bytes]:
        """Those of the customer's keys that there are, in one look; what is missing was destroyed, or never was."""
        async with customers_rows(self._pool, customer) as db:
            rows = await db.fetch(
                "select keyid, session, wrapped from data_key where customer = $1 and keyid = any($2::text[])",
                customer,
                list(keyids),
            )
        wrapping = await self._customer_key(customer) if rows else b""
        return {
            row["keyid"]: unseal(wrapping, row["wrapped"], binding=_binding(customer, row["session"], row["keyid"]))
            for row in rows
        }

    async def metadata_digests(self, customer: CustomerId, metadata: Mapping[str, str]) -> list[str]:
        """Of each pair a keyed hash, sorted: 128 bits, hex, under a key of the customer's own (ADR 7)."""
        if not metadata:
            return []
        key = await self.purpose_key(customer, "session metadata")
        return sorted(keyed_digest(key, f"{name}={value}".encode())[:32] for name, value in metadata.items())

    async def purpose_key(self, customer: CustomerId, purpose: str) -> bytes:
        """A key of the customer's own for one purpose, 32 bytes; gone with the customer's key."""
        return derive_key(await self._customer_key(customer), purpose)

    def resume_digest(self, session: SessionId, token: str) -> str:
        """What is stored of a resume token."""
        return keyed_digest(self._resume, f"{session}/{token}".encode())

    async def _customer_key(self, customer: CustomerId) -> bytes:
        if customer not in self._customers:
            made = seal(self._wrapping, new_key(), binding=customer.encode())
            async with customers_rows(self._pool, customer) as db:
                await db.execute(
                    "insert into customer_key (customer, wrapped) values ($1, $2) on conflict do nothing",
                    customer,
                    made,
                )
                kept = await db.fetchval("select wrapped from customer_key where customer = $1", customer)
            self._customers[customer] = unseal(self._wrapping, kept, binding=customer.encode())
            while len(self._customers) > _CACHED_CUSTOMERS:
                self._customers.popitem(last=False)
        self._customers.move_to_end(customer)
        return self._customers[customer]


def _binding(customer: CustomerId, session: SessionId, keyid: KeyId) -> bytes:
    return f"{customer}/{session}/{keyid}".encode()
