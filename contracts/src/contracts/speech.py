"""How an agent listens, speaks and looks beyond the choice of its models.

What is left out of a definition stays out of its JSON, so that what was published before keeps its hash.
"""

from typing import Literal

import msgspec

MIN_SPEED, MAX_SPEED = 0.6, 2.0
"""Cartesia's bounds for sonic-3."""


class SpeechTuning(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`keyterms` help the transcriber, `pronunciations` say a written word in other letters, `speed` is a factor."""

    keyterms: list[str] = []
    pronunciations: dict[str, str] = {}
    speed: float | None = None


class VisionPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much an agent sees: frames per user turn, their longest side in pixels, seconds between two of them."""

    per_turn: int = 1
    detail: Literal["low", "high", "auto"] = "low"
    max_side: int = 1024
    min_interval_s: float = 0.0


PanelAttach = Literal["never", "on_change", "always"]
"""Whether a panel's state goes to the model with a user's turn: not at all, when it changed, or each time."""
