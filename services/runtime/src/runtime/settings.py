"""Settings of the runtime, read from BATON_* variables; the providers' own are read by their plain names.

Job processes are forked by LiveKit and read the same variables: nothing secret is pickled to them.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from chassis.settings import PREFIX


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`livekit_url` empty: no worker is started. `max_jobs`: sessions at once in this worker.

    `idle_processes`: job processes kept warm; a job without one starts 1.5 to 4 s late. `drain_s`: how long calls may
    go on by themselves once the worker is told to stop, before they are ended politely; Kubernetes must wait longer.
    `spill_dir` must outlive the process, and be its machine's own. `log_file`: where job processes log, instead of
    standard error. `development_reach_loopback` lets customers' tools be on this very machine: never in production.
    """

    nats_url: str
    livekit_url: str = ""
    livekit_key: str = ""
    livekit_secret: str = ""
    spill_dir: Path = Path(tempfile.gettempdir()) / "baton-spill"
    job_spill_dir: Path | None = None
    cache_dir: Path | None = None
    max_jobs: int = 10
    idle_processes: int = 1
    drain_s: float = 0.0
    otlp_endpoint: str = ""
    host: str = "127.0.0.1"
    port: int = 0
    log_json: bool = False
    log_file: Path | None = None
    development_reach_loopback: bool = False

    def as_environment(self) -> Mapping[str, str]:
        """The variables that this was, or could have been, read from."""
        plain = msgspec.to_builtins(self, enc_hook=str)
        return {
            PREFIX + name.upper(): str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in plain.items()
            if value is not None
        }
