"""A real LiveKit server, one node without Redis, on loopback alone: signalling, media and all."""

import asyncio
import json
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from chassis.embedded.child import Child
from chassis.embedded.lifetime import StartedAndStopped
from chassis.embedded.livekit_build import LiveKitUnavailable, find_or_build
from chassis.embedded.ports import claim_port

__all__ = ["LiveKitServer", "LiveKitUnavailable", "find_or_build"]

_START_S = 20.0
# SIGTERM does not stop it while anyone is in a room; its clients survive SIGKILL and come back to the next one.
_GRACE_S = 2.0
# It ignores workers above this load, and their default load is that of the whole machine: a busy neighbour would mean
# no agent.
_TARGET_LOAD = 1.5


class LiveKitServer(StartedAndStopped):
    """`webhook_urls` get every event, signed with `key`. Ports of 0 mean free ones, which a second start keeps.

    `secret` must have 32 characters or more. Entering raises StartFailed or PortInUse.
    """

    def __init__(
        self,
        *,
        binary: Path,
        folder: Path,
        key: str,
        secret: str,
        webhook_urls: Sequence[str] = (),
        port: int = 0,
        udp_port: int = 0,
        log: Path | None = None,
        own_group: bool = False,
    ) -> None:
        self.key = key
        self.secret = secret
        self._folder = folder
        self._webhook_urls = list(webhook_urls)
        self._port = port
        self._udp_port = udp_port
        self._settings = folder / "livekit.json"
        self.child = Child(
            name="livekit-server",
            argv=[str(binary), "--config", str(self._settings)],
            log=log or folder / "livekit-server.log",
            own_group=own_group,
            stop_grace_s=_GRACE_S,
        )

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    @property
    def udp_port(self) -> int:
        return self._udp_port

    @property
    def pid(self) -> int:
        return self.child.pid

    async def start(self) -> None:
        self._port = claim_port(self._port)
        self._udp_port = claim_port(self._udp_port, socket.SOCK_DGRAM)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._settings.touch(mode=0o600)
        self._settings.write_text(json.dumps(self._configuration(), indent=2))
        self.child.spawn()
        await self.child.until(self._answers, timeout_s=_START_S)

    async def stop(self) -> None:
        """Ends calls that are still going on: it waits two seconds for them, no more."""
        await self.child.stop()

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        try:
            writer.write(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return b" 200 " in await asyncio.wait_for(reader.readline(), 2)
        except (OSError, TimeoutError):
            return False
        finally:
            writer.close()

    def _configuration(self) -> dict[str, object]:
        """JSON is YAML. `bind_addresses` covers HTTP alone, and rtc.tcp_port listens everywhere whatever it says:
        hence 0.
        """
        return {
            "port": self._port,
            "bind_addresses": ["127.0.0.1"],
            "rtc": {
                "tcp_port": 0,
                "udp_port": self._udp_port,
                "node_ip": "127.0.0.1",
                "use_external_ip": False,
                "enable_loopback_candidate": True,
                "interfaces": {"includes": ["lo" if sys.platform == "linux" else "lo0"]},
            },
            "keys": {self.key: self.secret},
            "webhook": {"api_key": self.key, "urls": self._webhook_urls},
            "agents": {"target_load": _TARGET_LOAD},
            "logging": {"level": "info", "json": True},
        }
