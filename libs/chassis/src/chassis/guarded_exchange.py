"""One request and its answer over an open connection, in HTTP/1.1; and what can go wrong with a guarded call."""

import asyncio
from collections.abc import AsyncIterator

import h11
import msgspec

_CHUNK = 64 * 1024
_HEAD_BYTES = 32 * 1024


class GuardedFault(Exception):
    """A guarded call that gave no answer; `code` is stable, `sent` whether the other side may have seen the request."""

    code = "fault"
    sent = False


class AddressRefused(GuardedFault):
    """The URL, or one of the addresses behind its name, is not on the public internet."""

    code = "address_refused"


class NotReached(GuardedFault):
    """The name has no address, nobody listens there, or TLS failed."""

    code = "not_reached"


class TooSlow(GuardedFault):
    """The whole call did not end in time."""

    code, sent = "timeout", True


class AnswerTooLarge(GuardedFault):
    """More bytes than were asked for."""

    code, sent = "answer_too_large", True


class AnswerRefused(GuardedFault):
    """Not HTTP, cut short, or in an encoding that was not offered."""

    code, sent = "answer_refused", True


class GuardedAnswer(msgspec.Struct, frozen=True):
    """What came back, redirects and errors too. Header names are lower case; of repeated ones the last counts."""

    status: int
    headers: dict[str, str]
    body: bytes


class GuardedStream:
    """An answer whose body is read as it comes; `status` and `headers` as those of a GuardedAnswer."""

    def __init__(self, connection: h11.Connection, reader: asyncio.StreamReader, head: h11.Response) -> None:
        self._connection, self._reader = connection, reader
        self.status, self.headers = head.status_code, _headers(head)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body to its end; raises AnswerRefused where it is cut short. How much is enough, the reader says."""
        while True:
            match await _next(self._connection, self._reader):
                case h11.Data(data=data):
                    yield bytes(data)
                case h11.EndOfMessage():
                    return
                case _:
                    raise AnswerRefused("the connection was closed before the answer was whole")

    async def body(self, limit: int) -> bytes:
        """The whole body; raises AnswerTooLarge beyond `limit` bytes, AnswerRefused."""
        if int(self.headers.get("content-length", "0")) > limit:
            raise AnswerTooLarge(f"the answer has more than {limit} bytes")
        body = bytearray()
        async for chunk in self.chunks():
            body += chunk
            if len(body) > limit:
                raise AnswerTooLarge(f"the answer has more than {limit} bytes")
        return bytes(body)


async def begin(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: h11.Request, content: bytes
) -> GuardedStream:
    """Send the request, and read the head of its answer. Raises AnswerRefused."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES)
    try:
        writer.write((connection.send(request) or b"") + (connection.send(h11.Data(data=content)) or b""))
        connection.send(h11.EndOfMessage())
        await writer.drain()
    except OSError as error:
        raise AnswerRefused("the connection broke before the answer was whole") from error
    while True:
        match await _next(connection, reader):
            case h11.Response() as head:
                stream = GuardedStream(connection, reader, head)
                if stream.headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
                    raise AnswerRefused("the answer is encoded, though no encoding was offered")
                return stream
            case h11.InformationalResponse():
                pass
            case _:
                raise AnswerRefused("the connection was closed before the answer")


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: h11.Request, content: bytes, limit: int
) -> GuardedAnswer:
    """Send the request, read the answer up to `limit` bytes. Raises AnswerTooLarge, AnswerRefused."""
    stream = await begin(reader, writer, request, content)
    return GuardedAnswer(stream.status, stream.headers, await stream.body(limit))


async def _next(connection: h11.Connection, reader: asyncio.StreamReader) -> object:
    """The next event of the other side, however many reads it takes."""
    try:
        while (event := connection.next_event()) is h11.NEED_DATA:
            connection.receive_data(await reader.read(_CHUNK))
    except h11.RemoteProtocolError as error:
        raise AnswerRefused("the answer is not HTTP, or was cut short") from error
    except OSError as error:
        raise AnswerRefused("the connection broke before the answer was whole") from error
    return event


def _headers(head: h11.Response) -> dict[str, str]:
    return {name.decode("ascii").lower(): value.decode("latin-1") for name, value in head.headers}
