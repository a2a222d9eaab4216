"""One request and its answer over an open connection, in HTTP/1.1; and what can go wrong with a guarded call."""

import asyncio

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


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: h11.Request, content: bytes, limit: int
) -> GuardedAnswer:
    """Send the request, read the answer up to `limit` bytes. Raises AnswerTooLarge, AnswerRefused."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES)
    try:
        writer.write((connection.send(request) or b"") + (connection.send(h11.Data(data=content)) or b""))
        connection.send(h11.EndOfMessage())
        await writer.drain()
        return await _answer(connection, reader, limit)
    except h11.RemoteProtocolError as error:
        raise AnswerRefused("the answer is not HTTP, or was cut short") from error
    except OSError as error:
        raise AnswerRefused("the connection broke before the answer was whole") from error


async def _answer(connection: h11.Connection, reader: asyncio.StreamReader, limit: int) -> GuardedAnswer:
    head: h11.Response | None = None
    body = bytearray()
    while True:
        match connection.next_event():
            case h11.NEED_DATA:
                connection.receive_data(await reader.read(_CHUNK))
            case h11.Response() as head:
                _check_head(head, limit)
            case h11.Data(data=data):
                if len(body) + len(data) > limit:
                    raise AnswerTooLarge(f"the answer has more than {limit} bytes")
                body += data
            case h11.EndOfMessage():
                assert head is not None
                return GuardedAnswer(head.status_code, _headers(head), bytes(body))
            case h11.InformationalResponse():
                pass
            case _:
                raise AnswerRefused("the connection was closed before the answer")


def _check_head(head: h11.Response, limit: int) -> None:
    headers = _headers(head)
    if headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
        raise AnswerRefused("the answer is encoded, though no encoding was offered")
    if int(headers.get("content-length", "0")) > limit:
        raise AnswerTooLarge(f"the answer has more than {limit} bytes")


def _headers(head: h11.Response) -> dict[str, str]:
    return {name.decode("ascii").lower(): value.decode("latin-1") for name, value in head.headers}
