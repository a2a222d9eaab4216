"""What operators send about customers, and what they are told."""

import datetime
from typing import Annotated, Any

import msgspec

from config.domain.customer import Known
from config.http.answers import encoded
from config.http.keys import KeyAnswer
from contracts.events.customer import DEFAULT_CELL
from contracts.ids import CustomerId
from contracts.positions import Position

DEFAULT_SESSIONS = 10

ChosenId = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9-][A-Za-z0-9_-]{0,63}$")]
"""An id that an operator may choose: those that begin with _ are Baton's own."""


class NewCustomer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new customer, under an `id` of your choice or of ours, with its first key: live where `livemode`, or test.

    `max_sessions` may be open at once; a calendar month may cost `max_monthly_nano` (null: without such a cap). `cell`
    names the NATS and PostgreSQL that it lives in, for good.
    """

    name: str
    id: ChosenId | None = None
    max_sessions: int = DEFAULT_SESSIONS
    max_monthly_nano: int | None = None
    cell: str = DEFAULT_CELL
    livemode: bool = False


class CustomerName(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the customer is called."""

    name: str


class Caps(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Both caps anew; `max_monthly_nano` null lifts that one."""

    max_sessions: int
    max_monthly_nano: int | None = None


class Suspension(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why, in a word of yours: the customer's own audit shows it."""

    reason: str


class FirstKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A secret key with every scope, live or test."""

    livemode: bool = False


class CustomerAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A customer as it now reads. `suspended` is the reason, null where it is not."""

    id: CustomerId
    name: str
    cell: str
    max_sessions: int
    max_monthly_nano: int | None
    suspended: str | None
    position: str = ""


class CreatedCustomer(msgspec.Struct, frozen=True, kw_only=True):
    """A new customer, and its first key, which is shown this once."""

    customer: CustomerAnswer
    key: KeyAnswer


class ListedCustomer(msgspec.Struct, frozen=True, kw_only=True):
    """A customer in a list."""

    id: CustomerId
    name: str
    cell: str
    max_sessions: int
    max_monthly_nano: int | None
    suspended: str | None
    created_at: datetime.datetime


class CustomerPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of customers, by id; `next_cursor` is null on the last."""

    data: list[ListedCustomer]
    next_cursor: str | None = None


def customer_answer(id: CustomerId, state: Any, position: Position | None) -> CustomerAnswer:
    """A customer that there is, as it reads at this position."""
    assert isinstance(state, Known)
    return CustomerAnswer(
        id=id,
        name=state.name,
        cell=state.cell,
        max_sessions=state.max_sessions,
        max_monthly_nano=state.max_monthly_nano,
        suspended=state.suspended,
        position=encoded(position),
    )
