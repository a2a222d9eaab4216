"""`python -m config.reading MEDIA_TYPE MEMORY_BYTES CPU_S`: a document on standard input, a Reading or Unread as JSON.

It dies by SIGXCPU where its time is over.
"""

import sys

import msgspec

from config.domain.blocks import Reading, Unread, Unreadable
from config.reading import limits
from config.reading.formats import Read, checked, reader_of


def main(media_type: str, memory_bytes: str, cpu_s: str) -> None:
    """Read what comes on standard input to its end."""
    read = reader_of(media_type)
    limits.confine(memory_bytes=int(memory_bytes), cpu_s=int(cpu_s))
    answer = _answer(read, sys.stdin.buffer.read())
    sys.stdout.buffer.write(msgspec.json.encode(answer))
    sys.stdout.buffer.flush()


def _answer(read: Read, content: bytes) -> Reading | Unread:
    try:
        return checked(read(content))
    except Unreadable as unreadable:
        return Unread(code=unreadable.code)
    except MemoryError:
        return Unread(code="too_much_memory")
    except Exception:  # noqa: BLE001 (a boundary: whatever a stranger's bytes bring about is said in one word)
        return Unread(code="not_readable")


if __name__ == "__main__":
    main(*sys.argv[1:])
