"""/admin/customers/…/owners: how a customer that operators made comes to its first owner. Never on the public port."""

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from chassis.http.app import Caller, PathId
from config.domain.membership import AlreadyMember, TooManyMembers
from config.handlers.people.invitations import Invitations
from config.http.auth import Text
from config.http.customers import KeepsCustomers
from config.http.invitations import InvitationAnswer, invitation_answer
from contracts.ids import CustomerId

Invites = NamedDependency[Invitations]


class OwnerRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is invited to own the customer."""

    email: Text


@post(
    "/admin/customers/{customer_id:str}/owners",
    opt={"operator": True, "refuses": (AlreadyMember, TooManyMembers), "idempotent": True},
)
async def invite_owner(
    customer_id: PathId,
    data: JSONBody[OwnerRequest],
    principal: Caller,
    customers: KeepsCustomers,
    invitations: Invites,
) -> InvitationAnswer:
    """Invite an owner of a customer, for seven days: its first one, or one more where the others are gone."""
    customer = CustomerId(customer_id)
    await customers.find(customer)
    acting = msgspec.structs.replace(principal, customer=customer)
    return invitation_answer(await invitations.create(acting, email=data.email, role="owner"), data.email, "owner")


ROUTES = [invite_owner]
