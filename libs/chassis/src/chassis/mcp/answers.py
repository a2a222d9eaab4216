"""The messages in an answer of an MCP server, which is one JSON document or a stream of events. Both are bounded."""

from collections.abc import AsyncGenerator

from chassis.guarded_http import AnswerTooLarge, GuardedStream
from chassis.mcp.event_stream import EventReader, EventTooLong
from chassis.mcp.messages import McpFault, Message, read_messages

JSON, STREAM = "application/json", "text/event-stream"
MAX_ANSWER_BYTES = 1024 * 1024
MAX_MESSAGES = 1000
"""In one stream: each that asks something is answered, and none may keep us answering for ever."""


async def messages_of(answer: GuardedStream) -> AsyncGenerator[Message, None]:
    """All of an answer, as JSON or as events. Raises GuardedFault."""
    if content_type(answer) == STREAM:
        async for message in streamed(answer, bounded=True):
            yield message
        return
    for message in read_messages(await answer.body(MAX_ANSWER_BYTES)):
        yield message


async def streamed(answer: GuardedStream, *, bounded: bool) -> AsyncGenerator[Message, None]:
    """Each event is bounded, and how many there are; where `bounded`, all of them together are."""
    reader, taken, told = EventReader(limit=MAX_ANSWER_BYTES), 0, 0
    async for chunk in answer.chunks():
        taken += len(chunk)
        if bounded and taken > MAX_ANSWER_BYTES:
            raise AnswerTooLarge(f"the answer has more than {MAX_ANSWER_BYTES} bytes")
        try:
            for data in reader.feed(chunk):
                for message in read_messages(data) if data else ():
                    told += 1
                    if told > MAX_MESSAGES:
                        raise McpFault(f"a stream has more than {MAX_MESSAGES} messages")
                    yield message
        except EventTooLong as error:
            raise AnswerTooLarge(f"an event has more than {MAX_ANSWER_BYTES} bytes") from error


def content_type(answer: GuardedStream) -> str:
    """The media type of an answer, in lower case."""
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()
