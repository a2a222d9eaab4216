"""What goes over the wire to an MCP server and back: JSON-RPC 2.0, and those results that Baton reads.

What a server says is a stranger's word: it is decoded strictly, and nothing of it is logged.
Source: https://modelcontextprotocol.io/specification/2025-11-25
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from chassis.guarded_exchange import GuardedFault

PROTOCOL_VERSION = "2025-11-25"
KNOWN_VERSIONS = frozenset({PROTOCOL_VERSION, "2025-06-18", "2025-03-26"})
"""Those that have streamable HTTP and a handshake; an answer in any other is refused."""

METHOD_NOT_FOUND = -32601
TOOLS_CHANGED = "notifications/tools/list_changed"
INITIALIZED = "notifications/initialized"

T = TypeVar("T")


class McpFault(GuardedFault):
    """The server answered, but not with what was asked for."""

    code, sent = "not_mcp", True


class HttpStatusFault(McpFault):
    """Another status than success: unknown credentials, a redirect (which is not followed), a server that broke."""

    code = "http_error"


class SessionGone(McpFault):
    """The server has forgotten the session (404): what was asked in it was not done."""

    code, sent = "session_gone", False


class VersionUnsupported(McpFault):
    """The server speaks no revision of the protocol that is known here."""

    code = "version_unsupported"


class RpcFault(McpFault):
    """A JSON-RPC error; `number` is its code. The server's own text is not repeated."""

    code = "rpc_error"

    def __init__(self, number: int) -> None:
        super().__init__(f"the server answered with the JSON-RPC error {number}")
        self.number = number


class RpcError(msgspec.Struct, frozen=True):
    """The error of an answer."""

    code: int


class Message(msgspec.Struct, frozen=True):
    """Any JSON-RPC message: an answer has an id and a result or an error, a request an id and a method."""

    id: int | str | None = None
    method: str | UnsetType = UNSET
    result: msgspec.Raw | UnsetType = UNSET
    error: RpcError | UnsetType = UNSET


class ServerInfo(msgspec.Struct, frozen=True):
    """Who a server says it is."""

    name: str = ""
    version: str = ""


class Initialized(msgspec.Struct, frozen=True, rename="camel"):
    """The result of `initialize`."""

    protocol_version: str
    server_info: ServerInfo = ServerInfo()


class Annotations(msgspec.Struct, frozen=True, rename="camel"):
    """What a server claims of a tool; the customer decides whether to believe it."""

    read_only_hint: bool = False
    idempotent_hint: bool = False


class ServerTool(msgspec.Struct, frozen=True, rename="camel"):
    """A tool as its server lists it."""

    name: str
    input_schema: dict[str, Any]
    description: str = ""
    annotations: Annotations = Annotations()


class ToolPage(msgspec.Struct, frozen=True, rename="camel"):
    """A page of `tools/list`."""

    tools: list[ServerTool]
    next_cursor: str | None = None


class Block(msgspec.Struct, frozen=True):
    """A part of a tool's answer; of those that are not text only the kind is read."""

    type: str
    text: str = ""


class ToolAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """The result of `tools/call`."""

    content: list[Block] = []
    structured_content: msgspec.Raw | UnsetType = UNSET
    is_error: bool = False

    @property
    def text(self) -> str:
        """All text, in order; what else there is, is named."""
        return "\n".join(one.text if one.type == "text" else f"[{one.type[:40]}]" for one in self.content)


def request(id: int, method: str, params: Mapping[str, object]) -> bytes:
    """A request as sent."""
    return msgspec.json.encode({"jsonrpc": "2.0", "id": id, "method": method, "params": params})


def notification(method: str) -> bytes:
    """A notification as sent."""
    return msgspec.json.encode({"jsonrpc": "2.0", "method": method})


def reply(asked: Message) -> bytes:
    """Our answer to a request of the server's: a ping is answered, nothing else is offered."""
    told = {"result": {}} if asked.method == "ping" else {"error": {"code": METHOD_NOT_FOUND, "message": "not offered"}}
    return msgspec.json.encode({"jsonrpc": "2.0", "id": asked.id, **told})


def read_messages(content: bytes) -> list[Message]:
    """The message, or the batch of them that revision 2025-03-26 allows; raises McpFault."""
    try:
        found = msgspec.json.decode(content, type=Message | list[Message])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise McpFault("the server's answer is not JSON-RPC") from error
    return found if isinstance(found, list) else [found]


def read_result(message: Message, kind: type[T]) -> T:
    """The result of an answer; raises RpcFault for an error, McpFault for a result of another form."""
    if message.error is not UNSET:
        raise RpcFault(message.error.code)
    if message.result is UNSET:
        raise McpFault("the server's answer has no result")
    try:
        return msgspec.json.decode(message.result, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise McpFault("the server's result has another form than the protocol gives it") from error
