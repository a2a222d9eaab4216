"""One ranking of several: reciprocal rank fusion."""

from collections.abc import Hashable, Sequence
from typing import TypeVar

K = 60
"""The constant of the paper; it keeps the first places of one ranking from outweighing agreement between rankings."""

T = TypeVar("T", bound=Hashable)


def fused(rankings: Sequence[Sequence[T]], *, k: int = K) -> list[tuple[T, float]]:
    """Best first, each with its score: the sum over the rankings of ``1 / (k + rank)``, ranks counted from 1.

    What stands in no ranking is not there; equal scores keep the order in which they were first met. Source: Cormack,
    Clarke, Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods", SIGIR 2009.
    """
    scores: dict[T, float] = {}
    for ranking in rankings:
        for rank, one in enumerate(ranking, start=1):
            scores[one] = scores.get(one, 0.0) + 1 / (k + rank)
    return sorted(scores.items(), key=lambda scored: -scored[1])
