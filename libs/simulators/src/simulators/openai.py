"""OpenAI's chat completions: GET /models, POST /chat/completions, streamed as server-sent events or whole; embeddings.

Wire: https://platform.openai.com/docs/api-reference/chat, as the `openai` client and the LiveKit plugin speak it.
It must never decide what is said (see rules).
"""

import asyncio
import re
import time
import uuid
from collections import Counter
from collections.abc import Iterator

import msgspec
from aiohttp import web

from simulators.accounts import Accounts, hint_of, key_of
from simulators.conversation import BadRequest, ChatRequest, decode
from simulators.embeddings import BadEmbeddings, answer_to, decode_request
from simulators.requests import LoggedRequest, RequestLog
from simulators.rules import Reply, reply_to, usage_of
from simulators.scenario import Fault, Scenario

MODELS = ("gpt-4.1", "gpt-4.1-mini", "gpt-4o", "gpt-4o-mini")
ARGUMENTS_PIECE = 24
"""Characters of a tool call's arguments in one chunk."""

Json = dict[str, object]


class OpenAI:
    """The handlers. `faults` counts how often each rule's fault struck."""

    def __init__(self, *, scenario: Scenario, requests: RequestLog, accounts: Accounts) -> None:
        self._scenario = scenario
        self._requests = requests
        self._accounts = accounts
        self._faults: Counter[str] = Counter()

    def routes(self, prefix: str) -> list[web.RouteDef]:
        """Its routes, under a prefix such as /openai/v1."""
        return [
            web.get(f"{prefix}/models", self.models),
            web.post(f"{prefix}/chat/completions", self.complete),
            web.post(f"{prefix}/embeddings", self.embed),
        ]

    async def models(self, request: web.Request) -> web.Response:
        """The models that there are, which is any."""
        if not self._accounts.good("openai", request):
            return _unauthorised(request)
        listed = [{"id": name, "object": "model", "created": 0, "owned_by": "simulators"} for name in MODELS]
        return _json({"object": "list", "data": listed})

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """The reply that the scenario gives."""
        if not self._accounts.good("openai", request):
            return _unauthorised(request)
        try:
            chat = decode(await request.read())
        except BadRequest as error:
            return _error(400, str(error), kind="invalid_request_error", param=error.param)
        reply = reply_to(chat, self._scenario)
        self._requests.add(_logged(request, chat, reply))
        if (status := self._accounts.down("openai", chat.model)) is not None:
            return _error(status, "The server is overloaded or not ready yet.", kind="server_error")
        fault = self._strike(reply)
        await asyncio.sleep(fault.hang_s)
        if fault.status is not None:
            return _error(fault.status, "the scenario's fault", kind="server_error")
        if chat.stream:
            return await _stream(request, chat, reply, drop_after=fault.drop_after)
        return _json(_whole(chat, reply))

    async def embed(self, request: web.Request) -> web.Response:
        """A vector for each text (see embeddings)."""
        if not self._accounts.good("openai", request):
            return _unauthorised(request)
        try:
            asked = decode_request(await request.read())
        except BadEmbeddings as error:
            return _error(400, str(error), kind="invalid_request_error", param=error.param)
        characters = sum(map(len, asked.texts))
        logged = LoggedRequest(
            number=0, at=time.time(), vendor="openai", path=request.path, model=asked.model, characters=characters
        )
        self._requests.add(logged)
        if (status := self._accounts.down("openai", asked.model)) is not None:
            return _error(status, "The server is overloaded or not ready yet.", kind="server_error")
        return _json(answer_to(asked))

    def _strike(self, reply: Reply) -> Fault:
        fault = reply.fault or Fault()
        self._faults[reply.rule] += 1
        return Fault() if fault.times is not None and self._faults[reply.rule] > fault.times else fault


async def _stream(
    request: web.Request, chat: ChatRequest, reply: Reply, *, drop_after: int | None
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    try:
        await response.prepare(request)
        for number, chunk in enumerate(chunks(chat, reply)):
            if number == drop_after:
                _cut(request)
                return response
            await response.write(b"data: " + msgspec.json.encode(chunk) + b"\n\n")
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
    except ConnectionError:
        pass  # The client hung up: an interruption, which is everyday.
    return response


def chunks(chat: ChatRequest, reply: Reply) -> Iterator[Json]:
    """The chunks of a streamed reply: the role, the text word by word, each tool call in pieces, the end, the usage."""
    head: Json = {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": chat.model,
    }

    def chunk(delta: Json, finish: str | None = None) -> Json:
        return head | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield chunk({"role": "assistant", "content": ""})
    for word in re.findall(r"\s*\S+\s*", reply.text):
        yield chunk({"content": word})
    for index, call in enumerate(_calls(reply)):
        function = {"name": call.function.name, "arguments": ""}
        yield chunk({"tool_calls": [{"index": index, "id": call.id, "type": call.type, "function": function}]})
        for piece in re.findall(rf"(?s).{{1,{ARGUMENTS_PIECE}}}", call.function.arguments):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, finish="tool_calls" if reply.calls else "stop")
    if chat.stream_options is not None and chat.stream_options.include_usage:
        yield head | {"choices": [], "usage": _usage(chat, reply)}


def _whole(chat: ChatRequest, reply: Reply) -> Json:
    message: Json = {"role": "assistant", "content": reply.text or None}
    if reply.calls:
        message["tool_calls"] = _calls(reply)
    finish = "tool_calls" if reply.calls else "stop"
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": chat.model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": _usage(chat, reply),
    }


class _Function(msgspec.Struct, frozen=True):
    name: str
    arguments: str


class _Call(msgspec.Struct, frozen=True):
    id: str
    function: _Function
    type: str = "function"


def _calls(reply: Reply) -> list[_Call]:
    return [
        _Call(
            id=f"call_{uuid.uuid4().hex[:24]}",
            function=_Function(name=call.tool, arguments=msgspec.json.encode(call.arguments).decode()),
        )
        for call in reply.calls
    ]


def _usage(chat: ChatRequest, reply: Reply) -> Json:
    usage = usage_of(chat, reply)
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _logged(request: web.Request, chat: ChatRequest, reply: Reply) -> LoggedRequest:
    return LoggedRequest(
        number=0,
        at=time.time(),
        vendor="openai",
        path=request.path,
        traceparent=request.headers.get("traceparent"),
        model=chat.model,
        roles=tuple(message.role for message in chat.messages),
        images=sum(message.images for message in chat.messages),
        tools=chat.offered,
        tool_choice=chat.tool_choice if isinstance(chat.tool_choice, str | None) else chat.tool_choice.function.name,
        rule=reply.rule,
        key=hint_of(request),
    )


def _unauthorised(request: web.Request) -> web.Response:
    if not key_of(request):
        return _error(401, "You didn't provide an API key.", kind="invalid_request_error")
    return _error(401, "Incorrect API key provided.", kind="invalid_request_error", code="invalid_api_key")


def _error(status: int, message: str, *, kind: str, param: str | None = None, code: str | None = None) -> web.Response:
    return _json({"error": {"message": message, "type": kind, "param": param, "code": code}}, status=status)


def _json(body: Json, *, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
