"""MCP servers that misbehave: raw peers that answer each method with what a test gives them."""

import asyncio
import json
from typing import Any

from tests.support.listeners import Talk


def rpc(results: dict[str, Any], *, session: str = "s-1", stream: bool = False, before: str = "") -> Talk:
    """A peer that answers each method with its result, or with the whole message where it has an `error`."""

    async def talk(request: bytes, writer: asyncio.StreamWriter) -> None:
        head, _, body = request.partition(b"\r\n\r\n")
        message = json.loads(body) if body else {"method": head.split()[0].decode()}
        result = results.get(message.get("method", ""))
        if isinstance(result, list):
            result = result.pop(0)
        if "id" not in message or "method" not in message or result is None:
            writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
            return
        told = result if "error" in result else {"result": result}
        text = json.dumps({"jsonrpc": "2.0", "id": message["id"], **told})
        kind = "text/event-stream" if stream else "application/json"
        content = f"{before}event: message\ndata: {text}\n\n" if stream else text
        lines = f"Content-Type: {kind}\r\nMcp-Session-Id: {session}\r\nContent-Length: {len(content)}\r\n\r\n"
        writer.write(b"HTTP/1.1 200 OK\r\n" + lines.encode() + content.encode())
        await writer.drain()

    return talk


HELLO = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "peer"}}
TOOL = {"name": "t", "inputSchema": {"type": "object"}}
