"""Signing secrets of customers' endpoints: sealed under the customer's own key, opened only to sign."""

from chassis.postgres.pool import Pool
from chassis.postgres.row_security import customers_rows
from chassis.sealing import seal, unseal
from contracts.ids import CustomerId
from gateway.adapters.vault import Vault


class OutboundSecrets:
    """The table outbound_secret. Nothing here is logged."""

    def __init__(self, *, pool: Pool, vault: Vault) -> None:
        self._pool, self._vault = pool, vault

    async def keep(self, customer: CustomerId, endpoint: str, id: str, secret: str) -> None:
        """Keep a new one."""
        key = await self._vault.purpose_key(customer, "webhook secrets")
        sealed = seal(key, secret.encode(), binding=_binding(customer, endpoint, id))
        async with customers_rows(self._pool, customer) as db:
            await db.execute(
                "insert into outbound_secret (id, customer, endpoint, sealed) values ($1, $2, $3, $4)",
                id,
                customer,
                endpoint,
                sealed,
            )

    async def open(self, customer: CustomerId, endpoint: str, ids: list[str]) -> list[str]:
        """Those of `ids` that there are, in their order. Raises SealBroken."""
        async with customers_rows(self._pool, customer) as db:
            rows = await db.fetch(
                "select id, sealed from outbound_secret where customer = $1 and endpoint = $2 and id = any($3::text[])",
                customer,
                endpoint,
                ids,
            )
        key = await self._vault.purpose_key(customer, "webhook secrets")
        found = {
            row["id"]: unseal(key, row["sealed"], binding=_binding(customer, endpoint, row["id"])).decode()
            for row in rows
        }
        return [found[id] for id in ids if id in found]

    async def forget(self, customer: CustomerId, endpoint: str, *, but: list[str]) -> None:
        """Drop all of an endpoint's, except `but`."""
        async with customers_rows(self._pool, customer) as db:
            await db.execute(
                "delete from outbound_secret where customer = $1 and endpoint = $2 and not id = any($3::text[])",
                customer,
                endpoint,
                but,
            )


def _binding(customer: CustomerId, endpoint: str, id: str) -> bytes:
    return f"outbound_secret/{customer}/{endpoint}/{id}".encode()
