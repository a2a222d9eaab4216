"""One MCP session with one server over streamable HTTP, each message a guarded call of its own.

Nothing is offered to the server (no sampling, no elicitation, no roots), no redirect is followed, and a stream that
breaks is not resumed: what was asked in it counts as seen. It logs nothing.
Source: https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TypeVar

from chassis.guarded_http import GuardedClient, GuardedFault, GuardedStream, TooSlow
from chassis.mcp.answers import JSON, STREAM, content_type, messages_of, streamed
from chassis.mcp.messages import (
    INITIALIZED,
    KNOWN_VERSIONS,
    PROTOCOL_VERSION,
    TOOLS_CHANGED,
    HttpStatusFault,
    Initialized,
    McpFault,
    Message,
    ServerTool,
    SessionGone,
    ToolAnswer,
    ToolPage,
    VersionUnsupported,
    notification,
    read_result,
    reply,
    request,
)

MAX_PAGES = 10
MAX_TOOLS = 500
_CLOSE_S = 1.0
_NOT_OFFERED = 405
_SESSION = "mcp-session-id"
_SESSION_ID = re.compile(r"[\x21-\x7e]{1,1024}\Z")
_AGENT = "Baton"

T = TypeVar("T")


class McpConnection:
    """`headers` hold the credentials. `on_tools_changed` is called when the server says so, also amid an answer.

    Every method raises GuardedFault; McpFault is that of an answer which is no good.
    """

    def __init__(
        self,
        *,
        client: GuardedClient,
        url: str,
        headers: Mapping[str, str],
        on_tools_changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._client, self._url, self._own = client, url, dict(headers)
        self._changed = on_tools_changed
        self._session, self._version, self._last_id = "", "", 0
        self._beginning = asyncio.Lock()

    async def open(self, *, timeout_s: float) -> Initialized:
        """The handshake; opening again begins another session. Raises VersionUnsupported."""
        async with _within(timeout_s), self._beginning:
            return await self._initialize(timeout_s)

    async def list_tools(self, *, timeout_s: float) -> list[ServerTool]:
        """All tools over all pages; more than MAX_TOOLS or MAX_PAGES are an McpFault."""
        tools: list[ServerTool] = []
        cursor: str | None = None
        async with _within(timeout_s):
            for _ in range(MAX_PAGES):
                params = {"cursor": cursor} if cursor is not None else {}
                page = await self._ask("tools/list", params, ToolPage, timeout_s)
                tools += page.tools
                cursor = page.next_cursor
                if cursor is None or len(tools) > MAX_TOOLS:
                    break
        if cursor is not None or len(tools) > MAX_TOOLS:
            raise McpFault(f"the server has more than {MAX_TOOLS} tools, or {MAX_PAGES} pages of them")
        return tools

    async def call_tool(self, name: str, arguments: Mapping[str, object], *, timeout_s: float) -> ToolAnswer:
        """Call a tool once. A session that the server has forgotten is begun anew; then nothing was done yet."""
        params = {"name": name, "arguments": arguments}
        async with _within(timeout_s):
            return await self._ask("tools/call", params, ToolAnswer, timeout_s)

    async def listen(self, *, timeout_s: float) -> bool:
        """Hear what the server says unasked, until it ends the stream; False where it offers none.

        `timeout_s` bounds what leads up to the stream, not the stream.
        """
        headers = self._headers({"Accept": STREAM})
        async with self._client.stream("GET", self._url, headers=headers, timeout_s=timeout_s) as answer:
            if answer.status == _NOT_OFFERED:
                return False
            self._check(answer, STREAM)
            async with contextlib.aclosing(streamed(answer, bounded=False)) as messages:
                async for message in messages:
                    await self._heard(message, timeout_s)
        return True

    async def close(self) -> None:
        """End the session, politely and soon; raises nothing."""
        if not self._session:
            return
        with contextlib.suppress(GuardedFault):
            async with self._client.stream("DELETE", self._url, headers=self._headers({}), timeout_s=_CLOSE_S):
                pass
        self._session = ""

    async def _initialize(self, timeout_s: float) -> Initialized:
        params = {
            "protocolVersion": PROTOCOL_VERSION,
            "capabilities": {},
            "clientInfo": {"name": "baton", "version": "1"},
        }
        found = await self._ask_once("initialize", params, Initialized, timeout_s)
        if found.protocol_version not in KNOWN_VERSIONS:
            raise VersionUnsupported("the server speaks no revision of the protocol that is known here")
        self._version = found.protocol_version
        await self._send(notification(INITIALIZED), timeout_s)
        return found

    async def _ask(self, method: str, params: Mapping[str, object], kind: type[T], timeout_s: float) -> T:
        session = self._session
        try:
            return await self._ask_once(method, params, kind, timeout_s)
        except SessionGone:
            async with self._beginning:
                if self._session == session:
                    await self._initialize(timeout_s)
            return await self._ask_once(method, params, kind, timeout_s)

    async def _ask_once(self, method: str, params: Mapping[str, object], kind: type[T], timeout_s: float) -> T:
        self._last_id += 1
        id, first = self._last_id, method == "initialize"
        async with self._posted(request(id, method, params), timeout_s, outside_session=first) as answer:
            self._check(answer, JSON, STREAM)
            if first:
                self._begin(answer.headers.get(_SESSION, ""))
            async with contextlib.aclosing(messages_of(answer)) as messages:
                async for message in messages:
                    if message.id == id and not message.method:
                        return read_result(message, kind)
                    await self._heard(message, timeout_s)
        raise McpFault("the server ended its answer without answering")

    async def _heard(self, message: Message, timeout_s: float) -> None:
        """Something that was not asked for: a request of the server's own, or a notification."""
        if message.method and message.id is not None:
            await self._send(reply(message), timeout_s)
        elif message.method == TOOLS_CHANGED:
            self._changed()

    async def _send(self, content: bytes, timeout_s: float) -> None:
        async with self._posted(content, timeout_s) as answer:
            if not 200 <= answer.status < 300:
                raise HttpStatusFault(f"the server answered with the status {answer.status}")

    def _posted(
        self, content: bytes, timeout_s: float, *, outside_session: bool = False
    ) -> contextlib.AbstractAsyncContextManager[GuardedStream]:
        wanted = {"Content-Type": JSON, "Accept": f"{JSON}, {STREAM}"}
        headers = {**self._own, **wanted, "User-Agent": _AGENT} if outside_session else self._headers(wanted)
        return self._client.stream("POST", self._url, content=content, headers=headers, timeout_s=timeout_s)

    def _begin(self, session: str) -> None:
        if session and not _SESSION_ID.match(session):
            raise McpFault("the server gave a session id that may not stand in a header")
        self._session = session

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        headers = {**self._own, **more, "User-Agent": _AGENT}
        if self._session:
            headers["Mcp-Session-Id"] = self._session
        if self._version:
            headers["MCP-Protocol-Version"] = self._version
        return headers

    def _check(self, answer: GuardedStream, *wanted: str) -> None:
        if answer.status == 404 and self._session:
            raise SessionGone("the server has forgotten the session")
        if answer.status != 200:
            raise HttpStatusFault(f"the server answered with the status {answer.status}")
        if content_type(answer) not in wanted:
            raise McpFault("the server's answer is neither JSON nor a stream of events")


@contextlib.asynccontextmanager
async def _within(timeout_s: float) -> AsyncIterator[None]:
    """One deadline over everything in it; raises TooSlow."""
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError as error:
        raise TooSlow(f"no whole answer in {timeout_s:g} s") from error
