"""Operators: the people who run the deployment. Their tokens open its own API, and nothing of any customer's.

A token is ``<operator>_<43 characters>_<crc>``, and an operator's id is ``op_<name>``. A deployment keeps the keyed
hash of each token beside its operator's id, in a setting: ``op_grace:<hex>,op_ben:<hex>``. One operator may have
several, so that a token is replaced without a gap.
"""

import asyncio
import re

from chassis.access import Mode
from chassis.credential_text import is_whole, new_credential
from chassis.errors import NotAuthenticated
from chassis.principal import Principal
from chassis.sealing import keyed_digest
from contracts.ids import DEPLOYMENT

_OPERATOR = re.compile(r"op_[a-z0-9-]{1,32}\Z")
_ENTRY = re.compile(r"(op_[a-z0-9-]{1,32}):([0-9a-f]{64})\Z")


class BadOperators(ValueError):
    """A setting or a name that is not of the form above."""


def new_operator_token(operator: str) -> str:
    """A fresh token; shown once, never stored. Raises BadOperators."""
    if not _OPERATOR.match(operator):
        raise BadOperators("an operator's id is op_ and 1 to 32 of a-z 0-9 -")
    return new_credential(operator)


def operator_entry(pepper: bytes, token: str) -> str:
    """What the setting holds of a token: its operator, and HMAC-SHA-256 under the deployment's pepper, hex."""
    return f"{_operator_of(token)}:{keyed_digest(pepper, token.encode())}"


class Operators:
    """Whom the operators' API lets in: those of the setting, as long as the process lives."""

    def __init__(self, entries: str, *, pepper: bytes) -> None:
        """`entries` are those of `operator_entry`, commas between; none let nobody in. Raises BadOperators."""
        self._pepper = pepper
        self._by_digest: dict[str, str] = {}
        for text in filter(None, (part.strip() for part in entries.split(","))):
            matched = _ENTRY.match(text)
            if matched is None:
                raise BadOperators("expected op_<name>:<64 hexadecimal digits>, commas between")
            self._by_digest[matched[2]] = matched[1]
        self.caught_up = asyncio.Event()
        self.caught_up.set()

    def authenticate(self, credential: str, *, mode: Mode = "test") -> Principal:
        """Which operator this is; raises NotAuthenticated."""
        if not credential.startswith("op_") or not is_whole(credential):
            raise NotAuthenticated("this is no operator's token, or a part of one")
        operator = self._by_digest.get(keyed_digest(self._pepper, credential.encode()))
        if operator is None:
            raise NotAuthenticated("the operator's token is not one of this deployment")
        return Principal(
            customer=DEPLOYMENT, actor=operator, scopes=frozenset(), livemode=mode == "live", kind="operator"
        )


def _operator_of(token: str) -> str:
    return token.rsplit("_", 2)[0]
