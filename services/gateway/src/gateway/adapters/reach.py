"""Trouble of the PostgreSQL server or the network, as the refusal that a caller can act on: try again."""

import contextlib
from collections.abc import Iterator

from chassis.errors import Unavailable
from chassis.postgres.faults import is_passing


class StoreUnavailable(Unavailable):
    """PostgreSQL is out of reach just now."""

    code, title = "store_unavailable", "The service's own store is out of reach"


@contextlib.contextmanager
def store_in_reach() -> Iterator[None]:
    """Turn passing trouble of the store into StoreUnavailable; everything else goes through."""
    try:
        yield
    except Exception as error:
        if is_passing(error):
            raise StoreUnavailable from error
        raise
