"""New ids: a typed prefix and a UUIDv7, so that ids sort by their birth."""

import os
import time
from uuid import UUID


def uuid7(*, unix_ms: int | None = None) -> UUID:
    """RFC 9562 version 7: 48 bits of milliseconds, 74 random bits."""
    moment = time.time_ns() // 1_000_000 if unix_ms is None else unix_ms
    bits = int.from_bytes(moment.to_bytes(6, "big") + os.urandom(10), "big")
    bits = bits & ~(0xF << 76) | 0x7 << 76
    bits = bits & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=bits)


def new_id(prefix: str) -> str:
    """``<prefix>_<32 hex>``, for example ``ses_0199…``; fits the id rule of contracts.ids."""
    return f"{prefix}_{uuid7().hex}"


def new_event_id() -> str:
    """An event's id: a plain UUIDv7."""
    return str(uuid7())
