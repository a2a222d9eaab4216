"""What a reading process may use. It sets its own bounds before it sees the first byte of a document."""

import contextlib
import importlib
import pkgutil
import resource
from types import ModuleType


def load(package: ModuleType) -> None:
    """Import all of a package now: once files cannot be opened any more, nothing can be imported."""
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        with contextlib.suppress(ImportError):  # of another system, or of what is not installed
            importlib.import_module(module.name)


def confine(*, memory_bytes: int, cpu_s: int) -> None:
    """From now on: so much memory and processor time, no new file or socket, nothing written to a disk, no child."""
    _set(resource.RLIMIT_AS, memory_bytes)
    _set(resource.RLIMIT_CPU, cpu_s, more=1)
    _set(resource.RLIMIT_CORE, 0)
    _set(resource.RLIMIT_FSIZE, 0)
    _set(resource.RLIMIT_NPROC, 0)
    _set(resource.RLIMIT_NOFILE, 0)


def _set(kind: int, bound: int, *, more: int = 0) -> None:
    """`more` leaves room between the bound, where a signal tells of it, and the end, where the kernel kills."""
    _, hard = resource.getrlimit(kind)
    most = bound + more if hard == resource.RLIM_INFINITY else min(bound + more, hard)
    resource.setrlimit(kind, (min(bound, most), most))
