"""Asking the ledger over NATS; a call never waits for it."""

from nats.aio.client import Client

from chassis.nats.requests import NoAnswer, RequestRefused, ask
from contracts.commands.costs import CostAnswer, CostNotTold, TellCost
from contracts.subjects import SESSION_COST

_TIMEOUT_S = 5.0


class Ledger:
    """A ledger that is away is an answer like another: it cannot tell now."""

    def __init__(self, nats: Client) -> None:
        self._nats = nats

    async def cost(self, question: TellCost) -> CostAnswer:
        """What a session cost, or why that cannot be told."""
        try:
            answer: CostAnswer = await ask(self._nats, SESSION_COST, question, CostAnswer, timeout_s=_TIMEOUT_S)
        except NoAnswer as missing:
            return CostNotTold(code=missing.code)
        except RequestRefused as refused:
            return CostNotTold(code=refused.code)
        return answer
