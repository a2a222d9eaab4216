"""A chat completions request, read: what the rules match on. It must never decide anything."""

import json
from typing import Literal

import msgspec


class BadRequest(Exception):
    """The body is not a chat completions request; the message says why, `param` where."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class CalledFunction(msgspec.Struct, frozen=True):
    """The function of a tool call; `arguments` is JSON text."""

    name: str
    arguments: str = ""


class MadeCall(msgspec.Struct, frozen=True):
    """A tool call made earlier in the conversation."""

    id: str
    function: CalledFunction


class Part(msgspec.Struct, frozen=True):
    """A part of a message: a text, or an image (whose bytes are not kept)."""

    type: str
    text: str = ""


class Message(msgspec.Struct, frozen=True):
    """One message as it stands in the request."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None
    tool_calls: list[MadeCall] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """Its text parts, joined."""
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""

    @property
    def images(self) -> int:
        """How many images it carries."""
        return sum(part.type == "image_url" for part in self.content) if isinstance(self.content, list) else 0

    @property
    def is_system(self) -> bool:
        """Whether it instructs the model (`developer` is the newer word for `system`)."""
        return self.role in {"system", "developer"}


class OfferedFunction(msgspec.Struct, frozen=True):
    """The function of an offered tool."""

    name: str


class OfferedTool(msgspec.Struct, frozen=True):
    """A tool that the request offers."""

    function: OfferedFunction
    type: str = "function"


class StreamOptions(msgspec.Struct, frozen=True):
    """What a stream carries besides the reply."""

    include_usage: bool = False


class ChatRequest(msgspec.Struct, frozen=True):
    """The body of POST /chat/completions, as far as a reply can depend on it."""

    model: str
    messages: list[Message]
    tools: list[OfferedTool] = []
    tool_choice: str | OfferedTool | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None

    @property
    def offered(self) -> tuple[str, ...]:
        """Names of the tools that it offers."""
        return tuple(tool.function.name for tool in self.tools)

    @property
    def callable(self) -> tuple[str, ...]:
        """Names of the tools that the reply may call, under its `tool_choice`."""
        if self.tool_choice == "none":
            return ()
        if isinstance(self.tool_choice, OfferedTool):
            return (self.tool_choice.function.name,)
        return self.offered

    @property
    def must_call(self) -> bool:
        """Whether the reply has to call a tool."""
        return self.tool_choice == "required" or isinstance(self.tool_choice, OfferedTool)

    @property
    def system_text(self) -> str:
        """The text of all system messages, one after the other."""
        return "\n".join(message.text for message in self.messages if message.is_system)

    @property
    def instruction(self) -> str | None:
        """The text of the last message, if it is a system message but not the first message."""
        last = self.messages[-1]
        return last.text if last.is_system and len(self.messages) > 1 else None

    @property
    def last_user(self) -> str | None:
        """The text of the last message of the user, wherever it stands."""
        return next((message.text for message in reversed(self.messages) if message.role == "user"), None)

    @property
    def asked(self) -> str | None:
        """The user's words that wait for an answer: the last message, system messages aside, if it is the user's."""
        spoken = [message for message in self.messages if not message.is_system]
        return spoken[-1].text if spoken and spoken[-1].role == "user" else None

    def results(self) -> list[tuple[str, str]]:
        """Every tool result of the conversation in order: (name of the tool, text)."""
        return self._results_of(self.messages)

    def last_results(self) -> list[tuple[str, str]]:
        """The tool results at the end of the conversation, system messages aside, that wait for an answer."""
        spoken = [message for message in self.messages if not message.is_system]
        first = len(spoken)
        while first and spoken[first - 1].role == "tool":
            first -= 1
        return self._results_of(spoken[first:])

    def _results_of(self, messages: list[Message]) -> list[tuple[str, str]]:
        names = {call.id: call.function.name for message in self.messages for call in message.tool_calls or []}
        return [(names.get(m.tool_call_id or "", ""), m.text) for m in messages if m.role == "tool"]


def decode(body: bytes) -> ChatRequest:
    """Read the body of a request. Raises BadRequest."""
    try:
        request = msgspec.json.decode(body, type=ChatRequest)
    except msgspec.DecodeError as error:
        raise BadRequest(str(error)) from error
    if not request.messages:
        raise BadRequest("messages must not be empty", param="messages")
    return request


def member(text: str, key: str) -> str | None:
    """The first string member called `key` in JSON text, at any depth; None without one. Other text is itself."""
    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    return _find(value, key) if isinstance(value, dict | list) else text


def _find(value: object, key: str) -> str | None:
    if isinstance(value, dict):
        here = value.get(key)
        if isinstance(here, str):
            return here
        value = list(value.values())
    if isinstance(value, list):
        return next((found for item in value if (found := _find(item, key)) is not None), None)
    return None
