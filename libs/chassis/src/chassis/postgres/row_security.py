"""The second wall between customers: row-level security, under the conditions that queries carry themselves.

Whatever has a column `customer` gets two policies: its owner (projections, rebuilds, sweeps) sees every row, the role
CUSTOMER_ROLE those of the customer that its transaction has named, and none where it named nobody. A request reads
through `customers_rows`, as that role. Role and name end with the transaction, so that a pooler may hand the
connection to anyone afterwards. Superusers are above all policies; the role is none, whoever becomes it.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import Literal

from chassis.postgres.names import OWN_TABLES, identifier, lock_key
from chassis.postgres.pool import Pool
from chassis.projection import Db
from contracts.ids import CustomerId, check_id

CUSTOMER_ROLE = "baton_customer"
_ACQUIRE_S = 2.0

Grant = Literal["select", "select, insert, update, delete"]
READ: Grant = "select"
WRITE: Grant = "select, insert, update, delete"

_ROLE = f"""
do $$ begin
    if not exists (select from pg_roles where rolname = '{CUSTOMER_ROLE}') then
        create role {CUSTOMER_ROLE} nologin;
    end if;
exception when duplicate_object or unique_violation then
    null;  -- roles are the whole server's: another database made it in the same moment
end $$;
do $$ begin
    if not pg_has_role(current_user, '{CUSTOMER_ROLE}', 'SET') then
        grant {CUSTOMER_ROLE} to current_user with inherit false, set true;
    end if;
end $$;
"""

_MAY_BECOME = "select pg_has_role(current_user, oid, 'SET') from pg_roles where rolname = $1"

_OF_THE_CUSTOMER = "customer = nullif(current_setting('baton.customer', true), '')"
_POLICIES = """
alter table {table} enable row level security, force row level security;
create policy owners_all on {table} to current_user using (true) with check (true);
create policy customers_own on {table} to {role} using ({condition}) with check ({condition});
"""

_UNSECURED = """
select relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'customer'
where c.relnamespace = to_regnamespace($1) and c.relkind in ('r', 'p') and not a.attisdropped
    and not exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'customers_own')
order by relname
"""


async def ensure_customer_role(db: Db) -> None:
    """Make the role where it is missing, and let the current user become it; safe from many processes at once.

    Raises asyncpg.InsufficientPrivilegeError where the role is missing, or not granted, and the user may make no roles.
    """
    if await db.fetchval(_MAY_BECOME, CUSTOMER_ROLE):
        return
    async with db.transaction():
        await db.execute("select pg_advisory_xact_lock($1)", lock_key("customer role"))
        await db.execute(_ROLE)


async def secure_rows(db: Db, schema: str, *, grant: Grant) -> list[str]:
    """Put the wall around every table of `schema` with a column `customer` that has none yet; return their names.

    `grant` is what a customer's requests may do with rows of their own. The chassis' own tables grant nothing.
    """
    async with db.transaction():
        tables = [row["relname"] for row in await db.fetch(_UNSECURED, identifier(schema))]
        if tables:
            await ensure_customer_role(db)
            await db.execute(f"grant usage on schema {schema} to {CUSTOMER_ROLE}")
        for name in tables:
            table = f"{schema}.{identifier(name)}"
            await db.execute(_POLICIES.format(table=table, role=CUSTOMER_ROLE, condition=_OF_THE_CUSTOMER))
            if name not in OWN_TABLES:
                await db.execute(f"grant {grant} on {table} to {CUSTOMER_ROLE}")
    return tables


@contextlib.asynccontextmanager
async def customers_rows(pool: Pool, customer: CustomerId) -> AsyncIterator[Db]:
    """A connection in a transaction that sees, and may touch, rows of this customer alone.

    No transaction can be opened inside. One round trip before the first statement and one after the last, which is
    why role and name go along with `begin` and not as parameters: the customer's id is checked to be one. Raises
    InvalidId, TimeoutError when no connection is free, and what the server raises.
    """
    begin = f"begin; set local role {CUSTOMER_ROLE}; set local baton.customer = '{check_id(customer)}'"
    async with pool.acquire(timeout=_ACQUIRE_S) as connection:
        await connection.execute(begin)
        try:
            yield connection
        except BaseException:
            await connection.execute("rollback")
            raise
        await connection.execute("commit")
