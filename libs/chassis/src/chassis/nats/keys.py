"""Asking the holder of keys for a data key, over NATS: what a key ring is given."""

from chassis.key_ring import AskForKey, KeysOutOfReach
from chassis.nats.connection import Client
from chassis.nats.requests import NoAnswer, RequestRefused, ask
from contracts.commands.keys import KeyAnswer, KeyGone, KeyOpened, OpenKey
from contracts.subjects import OPEN_KEY


def asking_for_keys(client: Client, *, timeout_s: float = 5.0) -> AskForKey:
    """How a key ring asks; raises KeysOutOfReach after `timeout_s`, or at once when nobody holds keys."""

    async def ask_for_key(question: OpenKey) -> KeyAnswer:
        try:
            answer: KeyAnswer = await ask(client, OPEN_KEY, question, KeyOpened | KeyGone, timeout_s=timeout_s)
        except (NoAnswer, RequestRefused) as error:
            raise KeysOutOfReach from error
        return answer

    return ask_for_key
