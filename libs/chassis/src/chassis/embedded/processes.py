"""Tells whether a process that we wrote down is still the same one: process ids are used again, after a reboot all of
them.
"""

import subprocess
import sys
from pathlib import Path

_START_TIME = 19  # field 22 of /proc/<pid>/stat, counted after the name in parentheses (proc_pid_stat(5))


def identity(pid: int) -> str | None:
    """What no other process will ever share with this one; None when it is gone or a corpse that waits to be
    collected.
    """
    if sys.platform != "linux":
        return _identity_by_ps(pid)
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    if fields[0] in "ZX":
        return None
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {fields[_START_TIME]}"


def command(pid: int) -> str:
    """Program and arguments with spaces between; empty when it is gone."""
    if sys.platform != "linux":
        return _ps(pid, "command=")
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _identity_by_ps(pid: int) -> str | None:
    state, _, started = _ps(pid, "stat=,lstart=").partition(" ")
    return None if not state or state.startswith("Z") else started.strip()


def _ps(pid: int, columns: str) -> str:
    asked = subprocess.run(
        ["ps", "-p", str(pid), "-o", columns], capture_output=True, text=True, timeout=5, check=False
    )
    return asked.stdout.strip()
