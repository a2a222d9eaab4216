"""Names inside a database: schemas of services and generations, and the keys of advisory locks.

Every name that reaches SQL as text goes through `identifier`; nothing else may be put into a statement by formatting.
"""

import hashlib
import re

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}")
OWN_TABLES = frozenset({"migration", "projection", "checkpoint", "parked"})
"""What the chassis keeps in a service's schema; no table of a projection may be called so."""


def identifier(text: str) -> str:
    """`text`, if it is a lower-case SQL name of at most 63 characters; raises ValueError."""
    if not _IDENTIFIER.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is not a name for a schema or a table: use a-z, 0-9 and _")
    return text


def generation_schema(service: str, projection: str, generation: int) -> str:
    """``<service>_<projection>_g<N>``; raises ValueError when it is no identifier."""
    return identifier(f"{identifier(service)}_{identifier(projection)}_g{generation}")


def lock_key(*parts: str | int) -> int:
    """A signed 64-bit key for PostgreSQL's advisory locks, the same in every process and release."""
    digest = hashlib.sha256("/".join(("baton", *map(str, parts))).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def owner_key(service: str, projection: str, generation: int) -> int:
    """Whoever holds it runs this generation."""
    return lock_key("owner", service, projection, generation)


def build_key(service: str, projection: str) -> int:
    """Whoever holds it builds a generation beside the live one."""
    return lock_key("build", service, projection)
