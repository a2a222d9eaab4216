"""E-mail addresses and passwords: what is one, and which are the same."""

import pytest

from config.domain.credentials import email_errors, normalised, password_bytes, password_errors

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("email", ["ada@example.com", " Ada@EXAMPLE.com\t", "ＡＤＡ@example.com"])
def test_spellings_of_one_address_are_one(email: str) -> None:
    assert normalised(email) == "ada@example.com"
    assert list(email_errors(email)) == []


@pytest.mark.parametrize("email", ["", "ada", "@example.com", "ada@", "ada@localhost", "a b@example.com", "a@b@c.d"])
def test_what_is_no_address_is_said_to_be_none(email: str) -> None:
    assert [one.pointer for one in email_errors(email)] == ["/email"]
    assert [one.code for one in email_errors("a" * 64 + "@" + "b" * 200 + ".com")] == ["email"]


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("eleven char", "length"),
        ("x" * 129, "length"),
        ("abababababab", "guessable"),
        ("Stapler is my name", "guessable"),
        ("twelve chars", None),
        ("пароль подлиннее", None),
    ],
)
def test_a_password_is_long_and_not_the_address(password: str, code: str | None) -> None:
    found = list(password_errors(password, email="STAPLER@example.com"))
    assert [one.code for one in found] == ([code] if code else [])
    assert password not in str(found)


def test_a_password_typed_on_another_keyboard_is_the_same() -> None:
    assert password_bytes("café Å") == password_bytes("cafe\u0301 \u212b")


def test_a_short_name_does_not_rule_out_half_of_all_passwords() -> None:
    assert list(password_errors("correct horse battery", email="a@example.com")) == []
