"""The shape of a pure core: `initial`, `evolve`, `decide`; and given/when/then is all that testing it needs."""

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import msgspec

C = TypeVar("C", contravariant=True)
E = TypeVar("E")
S = TypeVar("S")


class Decider(msgspec.Struct, Generic[C, E, S], frozen=True):
    """One entity's rules. `decide` raises a Refusal, or returns events (none: it was already so)."""

    initial: S
    evolve: Callable[[S, E], S]
    decide: Callable[[C, S], list[E]]

    def fold(self, events: Iterable[E]) -> S:
        """State after `events`."""
        state = self.initial
        for event in events:
            state = self.evolve(state, event)
        return state
