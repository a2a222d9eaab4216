"""Server-sent events, read from bytes as they come (WHATWG HTML §9.2.6). Only their data: MCP uses nothing else."""

from collections.abc import Iterator

_BOM = b"\xef\xbb\xbf"


class EventTooLong(ValueError):
    """One event holds more than it may."""


class EventReader:
    """Feed it chunks, get the data of each event that is whole by then. An event has at most `limit` bytes."""

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._rest, self._data = b"", bytearray()
        self._any, self._begun, self._after_cr = False, False, False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The data of events that this chunk ends; an event without data is none. Raises EventTooLong."""
        if not chunk:
            return
        if self._after_cr:
            # The line ended with the last chunk: a line feed that only now follows its carriage return belongs to it.
            chunk = chunk.removeprefix(b"\n")
        self._rest += chunk
        self._after_cr = chunk.endswith(b"\r")
        *lines, self._rest = self._rest.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            if not self._begun:
                line, self._begun = line.removeprefix(_BOM), True
            if line:
                self._field(line)
            elif self._any:
                yield bytes(self._data)
                self._data, self._any = bytearray(), False
        self._check()

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name != b"data":
            return
        if self._any:
            self._data += b"\n"
        self._data += value.removeprefix(b" ")
        self._any = True
        self._check()

    def _check(self) -> None:
        if len(self._data) + len(self._rest) > self._limit:
            raise EventTooLong
