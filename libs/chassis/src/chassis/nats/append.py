"""One guarded append, carried to a certain end: stored at a sequence, refused, or out of reach past the deadline.

Every answer but a plain acknowledgement is settled by reading what follows `expected` on the leader. The guard makes
that exact: if the commit was stored at all, it is the first after `expected`, whatever others have appended since.
One node answers a retry with a conflict (10071) and three nodes with `duplicate`; both end in the same reading. An
error that this file does not know is never taken for a conflict, and is tried again under the same message id.
"""

import asyncio
import random
import time

import msgspec
import nats.errors

from chassis.event_log import LogFault, RevisionConflict
from chassis.nats import api, messages
from chassis.nats.connection import Client
from contracts.envelope import InvalidCommit
from contracts.subjects import Log

_ATTEMPT_S = 2.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 0.5
_WRONG_LAST_SEQUENCE = frozenset({10071, 10164})
_BELIEVED_BEHIND = 3


class _Ack(msgspec.Struct):
    """PubAck, or an error in its place."""

    seq: int = 0
    duplicate: bool = False
    error: api.ApiError | None = None


_decode_ack = msgspec.json.Decoder(_Ack).decode


class Append:
    """Run it once. `timeout_s` bounds it; an election takes 5 to 8 s."""

    def __init__(
        self,
        client: Client,
        *,
        log: Log,
        subject: str,
        payload: bytes,
        message_id: str,
        expected: int,
        timeout_s: float,
    ) -> None:
        self._client, self._log, self._subject, self._payload = client, log, subject, payload
        self._message_id, self._expected = message_id, expected
        self._headers = {"Nats-Msg-Id": message_id, "Nats-Expected-Last-Subject-Sequence": str(expected)}
        self._deadline = time.monotonic() + timeout_s
        self._why = "no time"
        self._seen_behind = 0

    async def run(self) -> int:
        """The sequence. Raises RevisionConflict, InvalidCommit (the message id names another commit), LogFault."""
        pause_s = _FIRST_PAUSE_S
        while True:
            sequence = await self._attempt()
            if sequence is not None:
                return sequence
            if self._client.is_closed or self._left_s() <= pause_s:
                raise LogFault(f"no certain answer to an append to {self._log}: {self._why}")
            await asyncio.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311 (jitter)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _attempt(self) -> int | None:
        """None: not stored as far as can be seen, and worth another attempt."""
        if not self._client.is_connected:
            # Published now, it would lie in the client's buffer and be delivered long after we gave up.
            self._why = "disconnected"
            return None
        ack = await self._publish()
        if ack.error is None and ack.seq and not ack.duplicate:
            return ack.seq
        try:
            return await self._settle(ack)
        except LogFault as fault:
            self._why = str(fault)
            return None

    async def _publish(self) -> _Ack:
        try:
            answer = await self._client.request(
                self._subject, self._payload, timeout=self._wait_s(), headers=self._headers
            )
            ack = _decode_ack(answer.data)
        except (nats.errors.Error, OSError, TimeoutError, msgspec.MsgspecError) as error:
            self._why = type(error).__name__
            return _Ack()
        if ack.error is not None:
            self._why = f"{ack.error.err_code} {ack.error.description}"
        return ack

    async def _settle(self, ack: _Ack) -> int | None:
        first = None
        if ack.duplicate:
            first = await messages.message_at(self._client, self._log, ack.seq, timeout_s=self._wait_s())
            if first is not None and self._is_ours(first):
                return first.sequence
        following = await messages.next_message(
            self._client, self._log, self._subject, after=self._expected, timeout_s=self._wait_s()
        )
        if following is not None and self._is_ours(following):
            return following.sequence
        if following is not None:
            raise RevisionConflict(self._subject, self._expected, await self._revision())
        if first is not None:
            raise InvalidCommit(f"message id {self._message_id} was used before, for another commit")
        if ack.error is not None and ack.error.err_code in _WRONG_LAST_SEQUENCE:
            await self._check_behind()
        return None

    async def _check_behind(self) -> None:
        """The stream ends before `expected`: a leader may be catching up, so it is believed the third time."""
        revision = await self._revision()
        if revision < self._expected:
            self._seen_behind += 1
            if self._seen_behind >= _BELIEVED_BEHIND:
                raise RevisionConflict(self._subject, self._expected, revision)

    async def _revision(self) -> int:
        last = await messages.last_message(self._client, self._log, self._subject, timeout_s=self._wait_s())
        return last.sequence if last is not None else 0

    def _is_ours(self, found: messages.StoredMessage) -> bool:
        return (found.subject, found.message_id, found.payload) == (self._subject, self._message_id, self._payload)

    def _left_s(self) -> float:
        return self._deadline - time.monotonic()

    def _wait_s(self) -> float:
        return max(0.001, min(_ATTEMPT_S, self._left_s()))
