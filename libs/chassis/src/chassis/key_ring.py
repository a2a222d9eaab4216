"""Data keys as readers get them: asked for once by key id, kept in a bounded cache, and never written anywhere."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from chassis.errors import Unavailable
from chassis.recording import open_personal
from contracts.commands.keys import KeyAnswer, KeyOpened, OpenKey
from contracts.envelope import Envelope
from contracts.ids import CustomerId, KeyId, SessionId
from contracts.registry import Personal

AskForKey = Callable[[OpenKey], Awaitable[KeyAnswer]]
"""How the holder of keys is asked; over NATS in services, a function in tests. Raises KeysOutOfReach."""


class KeysOutOfReach(Unavailable):
    """Whoever holds the keys does not answer."""

    code, title = "keys_unavailable", "Personal values cannot be opened just now"


class KeyRing:
    """Opens personal values for one service. A destroyed key is remembered as gone: what it sealed reads erased."""

    def __init__(self, *, ask: AskForKey, reader: str, capacity: int = 10_000) -> None:
        self._ask, self._reader, self._capacity = ask, reader, capacity
        self._keys: OrderedDict[KeyId, bytes | None] = OrderedDict()
        self._lock = asyncio.Lock()

    async def key(self, *, customer: CustomerId, session: SessionId, keyid: KeyId) -> bytes | None:
        """The 32-byte data key, or None when it was destroyed."""
        async with self._lock:
            if keyid not in self._keys:
                question = OpenKey(customer=customer, session=session, keyid=keyid, reader=self._reader)
                answer = await self._ask(question)
                self._keys[keyid] = answer.key if isinstance(answer, KeyOpened) else None
                while len(self._keys) > self._capacity:
                    self._keys.popitem(last=False)
            self._keys.move_to_end(keyid)
            return self._keys[keyid]

    async def open(self, envelope: Envelope) -> Personal | None:
        """The personal part of an event; None when it has none or its key is destroyed. Raises SealBroken."""
        if not envelope.personal:
            return None
        key = await self.key(customer=envelope.customer, session=SessionId(envelope.subject), keyid=envelope.keyid)
        return None if key is None else open_personal(envelope, key)

    def forget(self, keyid: KeyId) -> None:
        """Drop a key, for example after an erasure."""
        self._keys.pop(keyid, None)
