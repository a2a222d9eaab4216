"""What a reading process may use. It sets its own bounds before it sees the first byte of a document."""

import encodings
import importlib
import pkgutil
import resource


def load_codecs() -> None:
    """Import every codec now: once files cannot be opened any more, none could be imported."""
    for module in pkgutil.iter_modules(encodings.__path__):
        if module.name not in ("mbcs", "oem"):  # of another system
            importlib.import_module(f"encodings.{module.name}")


def confine(*, memory_bytes: int, cpu_s: int) -> None:
    """From now on: so much memory and processor time, no new file or socket, nothing written to a disk, no child."""
    _set(resource.RLIMIT_AS, memory_bytes)
    _set(resource.RLIMIT_CPU, cpu_s)
    _set(resource.RLIMIT_CORE, 0)
    _set(resource.RLIMIT_FSIZE, 0)
    _set(resource.RLIMIT_NPROC, 0)
    _set(resource.RLIMIT_NOFILE, 0)


def _set(kind: int, bound: int) -> None:
    _, hard = resource.getrlimit(kind)
    least = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
    resource.setrlimit(kind, (least, least))
