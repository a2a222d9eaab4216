"""Asking config for the signing secrets of a session's tools. The answer is secret: it is never logged or stored."""

import msgspec

from contracts.ids import CustomerId, VersionHash


class OpenToolSecrets(msgspec.Struct, frozen=True, kw_only=True):
    """Open the secrets of the custom tools in a template version of this customer."""

    customer: CustomerId
    version: VersionHash


class ToolSecretsOpened(msgspec.Struct, frozen=True, kw_only=True, tag="opened"):
    """The key of each tool by the tool's name; a tool whose secret does not open is left out."""

    keys: dict[str, bytes]


class ToolSecretsRefused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """That customer never published that version."""

    why: str


ToolSecretsAnswer = ToolSecretsOpened | ToolSecretsRefused
