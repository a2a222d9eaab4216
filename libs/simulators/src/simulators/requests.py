"""What the simulators were asked, for tests to look at. It must never hold a word that was said, nor audio."""

from collections import deque
from collections.abc import Iterator

import msgspec

from simulators.scenario import Vendor


class LoggedRequest(msgspec.Struct, frozen=True):
    """One request, numbered from 1 in the order of arrival; `at` is Unix time in seconds.

    openai: model, roles of the messages, images, names of the tools, tool_choice, stream, and the rule that answered.
    deepgram: model; an entry a connection. cartesia: model, voice, characters; an entry a transcript.
    key: the last four characters of the key that came with it.
    """

    number: int
    at: float
    vendor: Vendor
    path: str
    traceparent: str | None = None
    model: str | None = None
    roles: tuple[str, ...] = ()
    images: int = 0
    tools: tuple[str, ...] = ()
    tool_choice: str | None = None
    rule: str | None = None
    voice: str | None = None
    characters: int = 0
    key: str = ""

    @property
    def message_count(self) -> int:
        """How many messages the model was given."""
        return len(self.roles)


class RequestLog:
    """The latest requests, `bound` of them; `total` counts the forgotten ones too."""

    def __init__(self, *, bound: int = 10_000) -> None:
        self.total = 0
        self._kept: deque[LoggedRequest] = deque(maxlen=bound)

    def __iter__(self) -> Iterator[LoggedRequest]:
        return iter(tuple(self._kept))

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, vendor: Vendor) -> list[LoggedRequest]:
        """Those of one vendor, oldest first."""
        return [request for request in self._kept if request.vendor == vendor]

    def add(self, request: LoggedRequest) -> None:
        """Take in a request; its number is given here."""
        self.total += 1
        self._kept.append(msgspec.structs.replace(request, number=self.total))

    def clear(self) -> None:
        """Forget all of them, their count too."""
        self.total = 0
        self._kept.clear()
