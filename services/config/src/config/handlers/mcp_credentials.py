"""What is presented to customers' MCP servers: headers, kept in the vault as one secret for each server."""

from collections.abc import Mapping

import msgspec

from chassis.errors import FieldError, InvalidInput
from chassis.sealing import SealBroken
from chassis.vault import MAX_SECRET_BYTES, SecretMissing, Vault
from config.domain.mcp_rules import origin
from config.domain.mcp_server import Credentials, Written
from contracts.ids import CustomerId
from contracts.mcp_server import McpServer

_FIELD = "headers"
_decode = msgspec.json.Decoder(dict[str, str]).decode

Headers = Mapping[str, str]


class McpCredentials:
    """Keeps and opens them. Raises LogFault."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def keep(self, customer: CustomerId, name: str, headers: Headers) -> Credentials:
        """Keep headers for the event that will name them; none need no keeping."""
        if not headers:
            return Credentials()
        kept = await self._vault.put(customer=customer, entity=name, field=_FIELD, secret=msgspec.json.encode(headers))
        return Credentials(kept, sorted(headers))

    async def open(self, customer: CustomerId, name: str, held: Credentials) -> dict[str, str]:
        """The headers. Raises SecretMissing, SealBroken."""
        if not held.secret:
            return {}
        return _decode(await self._vault.get(customer=customer, entity=name, field=_FIELD, id=held.secret))

    async def are(self, customer: CustomerId, name: str, held: Credentials, headers: Headers) -> bool:
        """Whether these are the ones in force."""
        try:
            return await self.open(customer, name, held) == headers
        except (SecretMissing, SealBroken):
            return False

    async def forget(self, customer: CustomerId, held: Credentials) -> None:
        """They are in force no longer, or never came to be; twice is safe."""
        if held.secret:
            await self._vault.forget(customer=customer, id=held.secret)


def size_errors(headers: Headers) -> list[FieldError]:
    """The mistake of headers that are too much for one secret."""
    if len(msgspec.json.encode(headers)) <= MAX_SECRET_BYTES:
        return []
    return [FieldError("/headers", "too_large", f"headers have at most {MAX_SECRET_BYTES} bytes")]


def check_origin(known: Written, server: McpServer, headers: Headers | None) -> None:
    """Who may write a server may not read its credentials, and so may not have them sent elsewhere: InvalidInput."""
    if headers is None and known.credentials.secret and origin(known.definition.url) != origin(server.url):
        detail = "another server gets no credentials of this one: give its own, or {}"
        raise InvalidInput(detail, errors=[FieldError("/headers", "needed_for_another_origin", detail)])
