"""A runtime worker in a process of its own, as in production, beside simulated providers in another."""

import asyncio
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

import msgspec

from chassis.embedded.child import Child
from chassis.embedded.livekit import LiveKitServer
from chassis.embedded.ports import free_ports
from runtime.settings import Settings
from simulators.server import CARTESIA_PREFIX, DEEPGRAM_PATH, OPENAI_PREFIX

_WORKER = "import sys; from runtime.main import main; sys.exit(main())"
_START_S = 90.0


class RunningWorker:
    """Start and stop it from the main thread; it outlives single tests."""

    def __init__(self, *, folder: Path, nats_url: str, livekit: LiveKitServer, **settings: object) -> None:
        port, simulators_port = free_ports(2)
        self.spill_dir, self.log = folder / "spill", folder / "worker.log"
        self._url, self._simulators_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{simulators_port}"
        chosen = Settings(
            nats_url=nats_url,
            livekit_url=livekit.url,
            livekit_key=livekit.key,
            livekit_secret=livekit.secret,
            spill_dir=self.spill_dir,
            cache_dir=folder / "cache",
            port=port,
            **settings,  # type: ignore[arg-type]  # fields of Settings
        )
        environment = {
            **os.environ,
            **chosen.as_environment(),
            "OPENAI_BASE_URL": self._simulators_url + OPENAI_PREFIX,
            "DEEPGRAM_BASE_URL": self._simulators_url + DEEPGRAM_PATH,
            "CARTESIA_BASE_URL": self._simulators_url + CARTESIA_PREFIX,
        }
        self.simulators = Child(
            name="simulators",
            argv=[sys.executable, "-m", "simulators", "--port", str(simulators_port)],
            log=folder / "simulators.log",
        )
        self.child = Child(
            name="runtime",
            argv=[sys.executable, "-c", _WORKER],
            log=self.log,
            environment=environment,
            stop_grace_s=60,
        )

    async def start(self) -> None:
        """Returns once LiveKit has registered it."""
        self.simulators.spawn()
        self.child.spawn()
        await self.child.until(self._ready, timeout_s=_START_S)

    async def stop(self) -> None:
        """The worker first."""
        await self.child.stop()
        await self.simulators.stop()

    def asked(self) -> list[dict[str, object]]:
        """What the simulated providers were asked."""
        with urllib.request.urlopen(f"{self._simulators_url}/requests", timeout=5) as answer:
            return msgspec.json.decode(answer.read(), type=list[dict[str, object]])

    async def _ready(self) -> bool:
        return await asyncio.to_thread(self._asks_ready)

    def _asks_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
