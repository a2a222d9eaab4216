"""Asking config for what a session's job needs in secret: the secrets of its tools, the customer's own keys at
providers. The answers are secret: they are never logged or stored.
"""

import msgspec

from contracts.ids import CustomerId, VersionHash
from contracts.providers import ProviderName


class OpenToolSecrets(msgspec.Struct, frozen=True, kw_only=True):
    """Open the secrets of the custom tools and MCP servers in a template version of this customer."""

    customer: CustomerId
    version: VersionHash


class McpAccess(msgspec.Struct, frozen=True, kw_only=True):
    """What a session presents to an MCP server, and the hashes of the tools that are approved now, by name."""

    headers: dict[str, str]
    approved: dict[str, str]


class ToolSecretsOpened(msgspec.Struct, frozen=True, kw_only=True, tag="opened"):
    """The key of each custom tool by its name; one whose secret does not open is left out.

    So is an MCP server (by its name in `mcp`) that is archived, or that now has its credentials for another origin.
    """

    keys: dict[str, bytes]
    mcp: dict[str, McpAccess] = {}


class ToolSecretsRefused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """That customer never published that version."""

    why: str


ToolSecretsAnswer = ToolSecretsOpened | ToolSecretsRefused


class OpenProviderCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """Open this customer's own keys at these providers; of DEPLOYMENT, the deployment's."""

    customer: CustomerId
    providers: list[ProviderName]


class ProviderCredential(msgspec.Struct, frozen=True, kw_only=True):
    """A key and where it is used, in full."""

    key: str
    base_url: str


class ProviderCredentialsOpened(msgspec.Struct, frozen=True, kw_only=True):
    """By provider. Who is in neither has no key of its own there (any more): the deployment's is used.

    `unusable` are keys that there are, and that do not open: the deployment's must not stand in for them.
    """

    credentials: dict[ProviderName, ProviderCredential]
    unusable: list[ProviderName] = []
