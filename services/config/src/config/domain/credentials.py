"""What an e-mail address and a password may be. Neither is ever in an event, a log line or a refusal's words."""

import re
import unicodedata
from collections.abc import Iterator

from chassis.errors import FieldError

MAX_EMAIL, MIN_PASSWORD, MAX_PASSWORD = 254, 12, 128
"""Lengths in characters; the first is RFC 5321's limit."""

_DIFFERENT, _TELLING = 5, 4
_EMAIL = re.compile(r"[^\s@<>\"(),:;\\[\]\x00-\x1f]{1,64}@[^\s@.]+(\.[^\s@.]+)+\Z")


def normalised(email: str) -> str:
    """The form in which two spellings of an address are one: NFKC, without space around it, case folded."""
    return unicodedata.normalize("NFKC", email).strip().casefold()


def email_errors(email: str, *, pointer: str = "/email") -> Iterator[FieldError]:
    """What is wrong with an address; that somebody reads mail there, nobody checks."""
    text = normalised(email)
    if len(text) > MAX_EMAIL or not _EMAIL.match(text):
        yield FieldError(pointer, "email", "this is not an e-mail address")


def password_errors(password: str, *, email: str, pointer: str = "/password") -> Iterator[FieldError]:
    """What is wrong with a new password. Length counts, not kinds of characters (NIST SP 800-63B §3.1.1.2)."""
    text = unicodedata.normalize("NFKC", password)
    if not MIN_PASSWORD <= len(text) <= MAX_PASSWORD:
        yield FieldError(pointer, "length", f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters")
    elif len(set(text)) < _DIFFERENT:
        yield FieldError(pointer, "guessable", f"a password has at least {_DIFFERENT} different characters")
    elif len(name := normalised(email).partition("@")[0]) >= _TELLING and name in text.casefold():
        yield FieldError(pointer, "guessable", "a password does not contain the address")


def password_bytes(password: str) -> bytes:
    """What is hashed: NFKC, so that a password typed on another keyboard is the same one."""
    return unicodedata.normalize("NFKC", password).encode()
