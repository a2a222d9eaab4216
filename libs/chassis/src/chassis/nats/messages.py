"""Reading single messages of a stream from its leader: what settles an ambiguous append must not come from a mirror."""

import msgspec

from chassis.event_log import Commit
from chassis.nats import api
from chassis.nats.connection import Client
from contracts.subjects import Log

_MESSAGE_ID = b"nats-msg-id:"


class StoredMessage(msgspec.Struct, frozen=True):
    """One message as stored; `message_id` is empty when it had none."""

    subject: str
    sequence: int
    stored_ns: int
    payload: bytes
    message_id: str

    def commit(self, log: Log) -> Commit:
        """The message as the port knows it."""
        return Commit(log, self.subject, self.sequence, self.stored_ns, self.payload)


class _Message(msgspec.Struct):
    subject: str
    seq: int
    time: str
    data: bytes = b""
    hdrs: bytes = b""


class _Answer(msgspec.Struct):
    message: _Message


async def last_message(client: Client, stream: str, subject: str, *, timeout_s: float) -> StoredMessage | None:
    """The last message on `subject` (wildcards work); None when there is none. Raises LogFault."""
    return await _get(client, stream, {"last_by_subj": subject}, timeout_s)


async def next_message(
    client: Client, stream: str, subject: str, *, after: int, timeout_s: float
) -> StoredMessage | None:
    """The first message on `subject` with a sequence above `after`. Raises LogFault."""
    return await _get(client, stream, {"seq": after + 1, "next_by_subj": subject}, timeout_s)


async def message_at(client: Client, stream: str, sequence: int, *, timeout_s: float) -> StoredMessage | None:
    """The message at `sequence`; None when it is gone. Raises LogFault."""
    return await _get(client, stream, {"seq": sequence}, timeout_s)


async def _get(client: Client, stream: str, request: dict[str, object], timeout_s: float) -> StoredMessage | None:
    try:
        answer = await api.call(client, f"STREAM.MSG.GET.{stream}", request, _Answer, timeout_s=timeout_s)
    except api.ApiRefused as error:
        if error.err_code == api.NO_MESSAGE:
            return None
        raise
    found = answer.message
    return StoredMessage(found.subject, found.seq, api.nanoseconds(found.time), found.data, _message_id(found.hdrs))


def _message_id(headers: bytes) -> str:
    for line in headers.split(b"\r\n"):
        if line[: len(_MESSAGE_ID)].lower() == _MESSAGE_ID:
            return line[len(_MESSAGE_ID) :].strip().decode()
    return ""
