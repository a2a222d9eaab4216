"""Keys of customers at providers: what a command brings, what is refused, what a key and its address must be."""

import pytest

from chassis.errors import NotFound
from chassis.guarded_addresses import loopback_only
from config.domain.credential_rules import credential_errors, hint_of
from config.domain.provider_credential import PROVIDER_CREDENTIAL, Absent, Command, Remove, Removed, Save, Saved, State
from contracts.events.provider_credential import (
    ProviderCredentialCreated,
    ProviderCredentialRemoved,
    ProviderCredentialReplaced,
)
from contracts.providers import ProviderName
from contracts.registry import EventData

pytestmark = pytest.mark.unit

KEY = "sk-proj-0123456789"


def after(*commands: Command) -> tuple[State, list[EventData]]:
    """The state after the commands, and the events of the last."""
    state, events = PROVIDER_CREDENTIAL.initial, list[EventData]()
    for command in commands:
        events = PROVIDER_CREDENTIAL.decide(command, state)
        for event in events:
            state = PROVIDER_CREDENTIAL.evolve(state, event)
    return state, events


def test_a_key_is_created_replaced_removed_and_created_anew() -> None:
    one, two = Save("sct_1", "…1111"), Save("sct_2", "…2222", "https://eu.api.openai.com/v1")
    assert after() == (Absent(), [])
    assert after(one)[1] == [ProviderCredentialCreated(secret="sct_1", hint="…1111")]
    state, events = after(one, two)
    assert events == [ProviderCredentialReplaced(secret="sct_2", hint="…2222", base_url="https://eu.api.openai.com/v1")]
    assert state == Saved("sct_2", "…2222", "https://eu.api.openai.com/v1")
    assert after(one, Remove()) == (Removed(), [ProviderCredentialRemoved()])
    assert after(one, Remove(), two)[0] == state


def test_what_is_so_already_changes_nothing_and_what_never_was_is_not_removed() -> None:
    one = Save("sct_1", "…1111")
    assert after(one, one)[1] == []
    assert after(one, Remove(), Remove())[1] == []
    with pytest.raises(NotFound):
        after(Remove())


@pytest.mark.parametrize(
    ("provider", "key", "base_url", "wrong"),
    [
        ("openai", KEY, "", []),
        ("openai", KEY, "https://eu.api.openai.com/v1", []),
        ("deepgram", KEY, "https://api.eu.deepgram.com/v1/listen", []),
        ("openai", "short", "", ["/key"]),
        ("openai", "k" * 513, "", ["/key"]),
        ("openai", "sk-with space", "", ["/key"]),
        ("openai", "sk-newline\nX-Evil: 1", "", ["/key"]),
        ("openai", "schlüssel-0123", "", ["/key"]),
        ("openai", KEY, "http://api.openai.com/v1", ["/base_url"]),
        ("openai", KEY, "https://10.0.0.1/v1", ["/base_url"]),
        ("openai", KEY, "https://api.openai.com/v1/", ["/base_url"]),
        ("openai", KEY, "https://api.openai.com/v1?x=1", ["/base_url"]),
        ("openai", KEY, "http://127.0.0.1:9/v1", ["/base_url"]),
        ("deepgram", KEY, "https://api.deepgram.com/v1", ["/base_url"]),
        ("cartesia", "", "nonsense", ["/key", "/base_url"]),
    ],
)
def test_a_key_and_its_address_are_looked_at_before_anybody_is_asked(
    provider: ProviderName, key: str, base_url: str, wrong: list[str]
) -> None:
    found = [error.pointer for error in credential_errors(provider, key, base_url, allow=None)]
    assert list(dict.fromkeys(found)) == wrong


def test_development_may_use_loopback_and_a_hint_is_the_end_of_a_key() -> None:
    assert list(credential_errors("openai", KEY, "http://127.0.0.1:9/v1", allow=loopback_only)) == []
    assert hint_of(KEY) == "…6789"
