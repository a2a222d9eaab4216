"""Operators' tokens open what the setting says, and API keys nothing of theirs."""

import pytest

from chassis.api_keys import new_api_key
from chassis.credential_text import is_whole, new_credential
from chassis.errors import NotAuthenticated
from chassis.operators import BadOperators, Operators, new_operator_token, operator_entry
from contracts.ids import DEPLOYMENT, ApiKeyId

pytestmark = pytest.mark.unit

PEPPER = b"pepper"


def test_a_credential_is_whole_only_as_it_was_made() -> None:
    credential = new_credential("op_grace")
    assert credential.startswith("op_grace_")
    assert is_whole(credential)
    assert new_credential("op_grace") != credential
    for wrong in (credential[:-1], credential.replace("grace", "ada"), "", "op_grace"):
        assert not is_whole(wrong)


def test_a_token_tells_its_operator_and_several_of_one_open_beside_each_other() -> None:
    old, new, other = (new_operator_token(name) for name in ("op_grace", "op_grace", "op_ben"))
    entries = ", ".join(operator_entry(PEPPER, token) for token in (old, new))
    operators = Operators(entries, pepper=PEPPER)
    for token in (old, new):
        principal = operators.authenticate(token)
        assert (principal.actor, principal.kind, principal.customer) == ("op_grace", "operator", DEPLOYMENT)
        assert (principal.scopes, principal.key) == (frozenset(), "")
    for wrong in (other, new[:-1], new_api_key(ApiKeyId("key_1"), livemode=True), ""):
        with pytest.raises(NotAuthenticated):
            operators.authenticate(wrong)
    with pytest.raises(NotAuthenticated):
        Operators(entries, pepper=b"another").authenticate(new)
    with pytest.raises(NotAuthenticated):
        Operators("", pepper=PEPPER).authenticate(new)
    assert new not in entries


@pytest.mark.parametrize("entries", ["op_grace", "op_grace:abcd", "grace:" + "0" * 64, "op_Grace:" + "0" * 64])
def test_a_setting_that_is_none_is_refused(entries: str) -> None:
    with pytest.raises(BadOperators):
        Operators(entries, pepper=PEPPER)


@pytest.mark.parametrize("name", ["grace", "op_", "op_a b", "op_" + "x" * 33, "op_grace_2"])
def test_an_operator_is_called_by_an_id(name: str) -> None:
    with pytest.raises(BadOperators):
        new_operator_token(name)
