"""What all embedded servers share: entering starts one, leaving stops it, and a start that fails leaves nothing."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class StartedAndStopped(ABC):
    """An async context manager over `start` and `stop`."""

    @abstractmethod
    async def start(self) -> None:
        """Return once it answers."""

    @abstractmethod
    async def stop(self) -> None:
        """Return once it is gone; safe when it never started."""

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
