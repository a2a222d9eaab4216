"""/admin/customers: what operators do with customers. Never served on the public port."""

from typing import Annotated

import msgspec
from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody

from chassis.http.app import Caller, PathId
from chassis.http.conditions import BadTag, IfMatch, precondition
from chassis.http.pages import DEFAULT_LIMIT, CursorText, PageLimit, decode_cursor, page_of
from chassis.http.parameters import PositionText, position
from chassis.postgres.wait import wait_for_position
from chassis.principal import Principal
from config.domain.customer import BadCustomer, Cap, Command, Create, Rename, Resume, Suspend
from config.handlers.customers import Check, CustomerExists, Customers
from config.http.answers import ConfigEntities, encoded, tagged
from config.http.customer_bodies import (
    Caps,
    CreatedCustomer,
    CustomerAnswer,
    CustomerName,
    CustomerPage,
    FirstKey,
    ListedCustomer,
    NewCustomer,
    Suspension,
    customer_answer,
)
from config.http.keys import KeyAnswer
from config.http.lists import LISTS, ReadModels
from config.read_models.customer_list import CustomerList, customers_after
from config.read_models.entity_index import SERVICE
from contracts.access import SCOPES
from contracts.ids import ID_PATTERN, CustomerId

KeepsCustomers = NamedDependency[Customers]
_WAIT_S = 2.0

_OfPage = Annotated[str, msgspec.Meta(pattern=ID_PATTERN)]


@post(
    "/admin/customers",
    opt={"operator": True, "refuses": (BadCustomer, CustomerExists), "idempotent": True, "etag": True},
)
async def create_customer(
    data: JSONBody[NewCustomer], principal: Caller, customers: KeepsCustomers, entities: ConfigEntities
) -> Response[CreatedCustomer]:
    """Create a customer, and its first secret key."""
    command = Create(data.name, data.max_sessions, data.max_monthly_nano, data.cell)
    id = CustomerId(data.id) if data.id else None
    customer, handled = await customers.create(principal.actor, command, id=id)
    key = await _issue(entities, principal, customer, livemode=data.livemode)
    told = CreatedCustomer(customer=customer_answer(customer, handled.state, handled.position), key=key)
    return Response(told, headers=tagged(handled.position))


@get("/admin/customers", opt={"operator": True, "refuses": LISTS})
async def list_customers(
    pool: ReadModels,
    suspended: FromQuery[bool | None] = None,
    cursor: CursorText = None,
    limit: PageLimit = DEFAULT_LIMIT,
    min_position: PositionText = None,
) -> CustomerPage:
    """All customers; those that are suspended, or are not, where `suspended` says so."""
    wanted = position(min_position, name="min_position")
    if wanted is not None:
        await wait_for_position(pool, SERVICE, CustomerList.name, wanted, timeout_s=_WAIT_S)
    found = await customers_after(pool, decode_cursor(cursor, _OfPage) or "", suspended=suspended, limit=limit + 1)
    rows, following = page_of(found, limit=limit, key=lambda row: row.customer)
    data = [
        ListedCustomer(
            id=row.customer,
            name=row.name,
            cell=row.cell,
            max_sessions=row.max_sessions,
            max_monthly_nano=row.max_monthly_nano,
            suspended=row.suspended,
            created_at=row.created_at,
        )
        for row in rows
    ]
    return CustomerPage(data=data, next_cursor=following)


@get("/admin/customers/{customer_id:str}", opt={"operator": True, "etag": True})
async def get_customer(customer_id: PathId, customers: KeepsCustomers) -> Response[CustomerAnswer]:
    """One customer."""
    id = CustomerId(customer_id)
    stream = await customers.find(id)
    return Response(customer_answer(id, stream.state, stream.position), headers=tagged(stream.position))


@put(
    "/admin/customers/{customer_id:str}/name",
    opt={"operator": True, "refuses": (BadCustomer, BadTag), "conditional": True, "etag": True},
)
async def rename_customer(
    customer_id: PathId,
    data: JSONBody[CustomerName],
    principal: Caller,
    customers: KeepsCustomers,
    if_match: IfMatch = None,
) -> Response[CustomerAnswer]:
    """Rename a customer; its id stays."""
    return await _written(customers, principal, customer_id, Rename(data.name), precondition(if_match))


@put(
    "/admin/customers/{customer_id:str}/caps",
    opt={"operator": True, "refuses": (BadCustomer, BadTag), "conditional": True, "etag": True},
)
async def cap_customer(
    customer_id: PathId, data: JSONBody[Caps], principal: Caller, customers: KeepsCustomers, if_match: IfMatch = None
) -> Response[CustomerAnswer]:
    """Set a customer's caps: they act on the next start, and end nothing that is live."""
    command = Cap(data.max_sessions, data.max_monthly_nano)
    return await _written(customers, principal, customer_id, command, precondition(if_match))


@post(
    "/admin/customers/{customer_id:str}/suspend",
    opt={"operator": True, "refuses": (BadCustomer,), "idempotent": True, "etag": True},
    status_code=200,
)
async def suspend_customer(
    customer_id: PathId, data: JSONBody[Suspension], principal: Caller, customers: KeepsCustomers
) -> Response[CustomerAnswer]:
    """Suspend a customer: its credentials open nothing from now on, and its live sessions end. Twice is safe."""
    return await _written(customers, principal, customer_id, Suspend(data.reason))


@post(
    "/admin/customers/{customer_id:str}/resume",
    opt={"operator": True, "idempotent": True, "etag": True},
    status_code=200,
)
async def resume_customer(
    customer_id: PathId, principal: Caller, customers: KeepsCustomers
) -> Response[CustomerAnswer]:
    """End a suspension: the same credentials open again. Twice is safe."""
    return await _written(customers, principal, customer_id, Resume())


@post("/admin/customers/{customer_id:str}/keys", opt={"operator": True, "idempotent": True})
async def issue_customer_key(
    customer_id: PathId,
    data: JSONBody[FirstKey],
    principal: Caller,
    customers: KeepsCustomers,
    entities: ConfigEntities,
) -> KeyAnswer:
    """Issue a secret key to a customer that has none left, or none of this mode."""
    id = CustomerId(customer_id)
    await customers.find(id)
    return await _issue(entities, principal, id, livemode=data.livemode)


async def _issue(entities: ConfigEntities, operator: Principal, customer: CustomerId, *, livemode: bool) -> KeyAnswer:
    acting = Principal(customer=customer, actor=operator.actor, scopes=SCOPES, livemode=livemode, kind="operator")
    issued = await entities.issue_key(acting, scopes=sorted(SCOPES), livemode=livemode)
    return KeyAnswer(id=issued.id, key=issued.key, scopes=sorted(SCOPES), position=encoded(issued.position))


async def _written(
    customers: Customers, operator: Principal, customer_id: str, command: Command, check: Check = None
) -> Response[CustomerAnswer]:
    id = CustomerId(customer_id)
    handled = await customers.write(operator.actor, id, command, check=check)
    return Response(customer_answer(id, handled.state, handled.position), headers=tagged(handled.position))


ROUTES = [
    create_customer,
    list_customers,
    get_customer,
    rename_customer,
    cap_customer,
    suspend_customer,
    resume_customer,
    issue_customer_key,
]
