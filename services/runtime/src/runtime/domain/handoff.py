"""Which handoff wins. Exactly one can, in any batch of tool calls and under any interleaving of their results.

A model may call two transfer tools at once, and LiveKit then does neither (reference: two agents returned in one batch
mean dead air). So the first call that asks wins, and every other is refused until the winner has entered or failed.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from contracts.conditions import Values, holds, told
from contracts.ids import AgentId
from contracts.template_version import ContextPolicy, HandoffTarget

RefusedWhy = Literal["another_won", "session_ending", "not_allowed", "failed", "guard"]

_MESSAGES: dict[RefusedWhy, str] = {
    "another_won": "a transfer is already in progress",
    "session_ending": "the session is ending",
    "not_allowed": "this agent may not transfer there",
    "failed": "the transfer did not happen",
    "guard": "this transfer is not possible yet: it needs that",
}


class TransferRefused(Exception):
    """A transfer that may not happen; the message is fit for a model to read."""

    def __init__(self, why: RefusedWhy, needed: str = "") -> None:
        super().__init__(f"{_MESSAGES[why]} {needed}".strip())
        self.why = why


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """The transfer under way. `granted_at`: monotonic seconds when its tool returned."""

    call_id: str
    from_agent: AgentId
    to_agent: AgentId
    policy: ContextPolicy
    last_n: int | None
    granted_at: float


class Entered(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer that is done; `ms` from the tool's return to the next agent's entry."""

    transfer: Granted
    ms: int


class HandoffArbiter:
    """The referee of one session. Its methods are atomic: nothing may be awaited between asking and returning."""

    def __init__(self) -> None:
        self._under_way: Granted | None = None
        self._handed_over = False
        self._ending = False

    @property
    def under_way(self) -> Granted | None:
        """The transfer that has won and has not arrived."""
        return self._under_way

    def request(
        self,
        *,
        call_id: str,
        from_agent: AgentId,
        target: HandoffTarget,
        now: float,
        values: Callable[[], Values] = dict,
    ) -> Granted:
        """Grant a transfer; `values` tells what its guard looks at. Raises TransferRefused."""
        if self._ending:
            raise TransferRefused("session_ending")
        if self._under_way is not None:
            raise TransferRefused("another_won")
        if target.agent == from_agent:
            raise TransferRefused("not_allowed")
        if target.guard and not holds(target.guard, values()):
            raise TransferRefused("guard", told(target.guard))
        self._under_way = Granted(
            call_id=call_id,
            from_agent=from_agent,
            to_agent=target.agent,
            policy=target.policy,
            last_n=target.last_n,
            granted_at=now,
        )
        self._handed_over = False
        return self._under_way

    def batch_done(self, call_ids: set[str], *, handed_over: bool) -> Granted | None:
        """A batch of tool calls is over. Returns the transfer that was granted in it and will not happen, if any.

        That is so when the participant interrupted: LiveKit then keeps the results and may drop the handoff. Once it
        has handed over, nothing can be lost any more.
        """
        lost = self._under_way
        if lost is None or lost.call_id not in call_ids or self._handed_over:
            return None
        if handed_over:
            self._handed_over = True
            return None
        self._under_way = None
        return lost

    def entered(self, agent: AgentId, *, now: float) -> Entered | None:
        """`agent` is in control now. Returns the transfer that this completes, if any."""
        transfer = self._under_way
        if transfer is None or transfer.to_agent != agent:
            return None
        self._under_way = None
        return Entered(transfer=transfer, ms=max(0, round((now - transfer.granted_at) * 1000)))

    def end(self) -> Granted | None:
        """The session ends: nothing is granted any more. Returns the transfer that this cuts off, if any."""
        self._ending = True
        cut, self._under_way = self._under_way, None
        return cut
