"""Bounds of what a customer gives a session at its start beside its participant: variables and metadata."""

import re
from collections.abc import Iterator, Mapping

from chassis.errors import FieldError, InvalidInput
from contracts.events.session import Variable

MAX_VARIABLES = 50
MAX_VARIABLE_CHARACTERS = 2000
MAX_METADATA = 20
MAX_METADATA_CHARACTERS = 256
MAX_INTEGER = 2**53
"""Beyond it JSON's readers do not agree on a number."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")
_METADATA_KEY = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")


class BadVariables(InvalidInput):
    """Too many variables, or one with a name or value that none may have."""

    code, title = "invalid_variables", "variables are not valid"


class BadMetadata(InvalidInput):
    """Too much metadata, or a pair with a key or value that none may have."""

    code, title = "invalid_metadata", "metadata is not valid"


def check_variables(variables: Mapping[str, Variable]) -> None:
    """Raises BadVariables, with a pointer to each mistake."""
    if wrong := list(_wrong_variables(variables)):
        raise BadVariables(wrong[0].detail, errors=wrong)


def check_metadata(metadata: Mapping[str, str]) -> None:
    """Raises BadMetadata, with a pointer to each mistake."""
    if wrong := list(_wrong_metadata(metadata)):
        raise BadMetadata(wrong[0].detail, errors=wrong)


def _wrong_variables(variables: Mapping[str, Variable]) -> Iterator[FieldError]:
    if len(variables) > MAX_VARIABLES:
        yield FieldError("/variables", "too_many", f"at most {MAX_VARIABLES} variables")
        return
    for name, value in variables.items():
        at = f"/variables/{_escaped(name)}"
        if not _VARIABLE.match(name):
            yield FieldError(at, "name", "a variable's name is 1 to 64 of A-Z a-z 0-9 _, and begins with no digit")
        elif isinstance(value, str) and len(value) > MAX_VARIABLE_CHARACTERS:
            yield FieldError(at, "length", f"at most {MAX_VARIABLE_CHARACTERS} characters")
        elif isinstance(value, int) and abs(value) > MAX_INTEGER:
            yield FieldError(at, "range", "an integer lies between -2^53 and 2^53")


def _wrong_metadata(metadata: Mapping[str, str]) -> Iterator[FieldError]:
    if len(metadata) > MAX_METADATA:
        yield FieldError("/metadata", "too_many", f"at most {MAX_METADATA} pairs")
        return
    for key, value in metadata.items():
        at = f"/metadata/{_escaped(key)}"
        if not _METADATA_KEY.match(key):
            yield FieldError(at, "name", "a key is 1 to 64 of A-Z a-z 0-9 _ . -")
        elif len(value) > MAX_METADATA_CHARACTERS:
            yield FieldError(at, "length", f"at most {MAX_METADATA_CHARACTERS} characters")


def _escaped(name: str) -> str:
    """As a token of a JSON Pointer (RFC 6901), cut."""
    return name[:80].replace("~", "~0").replace("/", "~1")
