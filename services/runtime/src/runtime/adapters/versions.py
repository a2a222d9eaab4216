"""Template versions by hash: from memory, else from this machine's disk, else from the object store.

They are immutable and named by their content, so a cached one is never stale; a damaged one is fetched again.
"""

import asyncio
from pathlib import Path

import structlog

from chassis.object_store import ObjectStore
from contracts.ids import VersionHash
from contracts.template_version import CorruptVersion, TemplateVersion, decode_version

log = structlog.get_logger()


class Versions:
    """A cache over the object store; `folder` is None where nothing shall be kept on disk."""

    def __init__(self, *, objects: ObjectStore, folder: Path | None = None) -> None:
        self._objects, self._folder = objects, folder
        self._known: dict[VersionHash, TemplateVersion] = {}

    async def get(self, hash: VersionHash) -> TemplateVersion:
        """Raises ObjectMissing, CorruptVersion, LogFault."""
        if hash not in self._known:
            self._known[hash] = await self._from_disk(hash) or await self._from_store(hash)
        return self._known[hash]

    async def _from_disk(self, hash: VersionHash) -> TemplateVersion | None:
        if self._folder is None:
            return None
        try:
            return decode_version(await asyncio.to_thread((self._folder / hash).read_bytes), hash)
        except FileNotFoundError:
            return None
        except (OSError, CorruptVersion) as error:
            log.warning("cached_version_unusable", version=hash, error=type(error).__name__)
            return None

    async def _from_store(self, hash: VersionHash) -> TemplateVersion:
        content = await self._objects.get(hash)
        version = decode_version(content, hash)
        if self._folder is not None:
            await asyncio.to_thread(_keep, self._folder, hash, content)
        return version


def _keep(folder: Path, name: str, content: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{name}.{id(content)}"
    partial.write_bytes(content)
    partial.replace(folder / name)
