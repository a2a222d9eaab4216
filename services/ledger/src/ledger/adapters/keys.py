"""Asking the gateway for a session's data key, over NATS."""

from chassis.errors import Unavailable
from chassis.key_ring import AskForKey
from chassis.nats.connection import Client
from chassis.nats.requests import NoAnswer, RequestRefused, ask
from contracts.commands.keys import KeyAnswer, KeyGone, KeyOpened, OpenKey
from contracts.subjects import OPEN_KEY

_TIMEOUT_S = 5.0


class KeysOutOfReach(Unavailable):
    """Whoever holds the keys does not answer."""

    code, title = "keys_unavailable", "Personal values cannot be opened just now"


def ask_gateway(client: Client) -> AskForKey:
    """How a key ring asks; raises KeysOutOfReach after 5 s, or at once when no gateway is there."""

    async def ask_for_key(question: OpenKey) -> KeyAnswer:
        try:
            answer: KeyAnswer = await ask(
                client,
                OPEN_KEY,
                question,
                KeyOpened | KeyGone,
                timeout_s=_TIMEOUT_S,
            )
        except (NoAnswer, RequestRefused) as error:
            raise KeysOutOfReach from error
        return answer

    return ask_for_key
