"""Given, when, then: a customer."""

import pytest

from chassis.errors import NotFound
from config.domain.customer import (
    CUSTOMER,
    MAX_NANO,
    BadCustomer,
    Cap,
    Command,
    Create,
    Known,
    Rename,
    Resume,
    Suspend,
)
from contracts.events.customer import (
    CustomerCapped,
    CustomerCreated,
    CustomerRenamed,
    CustomerResumed,
    CustomerSuspended,
)
from contracts.registry import EventData

pytestmark = pytest.mark.unit

CREATED = CustomerCreated(name="Acme", max_sessions=3)


def after(*events: EventData) -> object:
    return CUSTOMER.fold(events)


def decided(command: Command, *given: EventData) -> list[EventData]:
    return CUSTOMER.decide(command, CUSTOMER.fold(given))


def test_a_customer_is_created_once_in_its_cell() -> None:
    assert decided(Create("Acme", 3)) == [CREATED]
    assert decided(Create("Another name", 4), CREATED) == []
    with_a_cap = decided(Create("Acme", 3, max_monthly_nano=5, cell="eu-1"))
    assert after(*with_a_cap) == Known(name="Acme", max_sessions=3, cell="eu-1", max_monthly_nano=5)


@pytest.mark.parametrize(
    ("command", "event"),
    [
        (Rename("Acme Group"), CustomerRenamed(name="Acme Group")),
        (Cap(1), CustomerCapped(max_sessions=1)),
        (Cap(3, 1_000), CustomerCapped(max_sessions=3, max_monthly_nano=1_000)),
        (Suspend("unpaid"), CustomerSuspended(reason="unpaid")),
    ],
)
def test_a_command_makes_its_event_once(command: Command, event: EventData) -> None:
    assert decided(command, CREATED) == [event]
    assert decided(command, CREATED, event) == []
    with pytest.raises(NotFound):
        decided(command)


def test_a_cap_on_the_month_is_lifted_by_a_cap_without_one() -> None:
    state = after(CREATED, CustomerCapped(max_sessions=2, max_monthly_nano=9), CustomerCapped(max_sessions=2))
    assert state == Known(name="Acme", max_sessions=2, cell="default")


def test_a_suspension_ends_with_a_resumption_and_keeps_the_rest() -> None:
    suspended = CustomerSuspended(reason="unpaid")
    assert decided(Resume(), CREATED) == []
    assert decided(Resume(), CREATED, suspended) == [CustomerResumed()]
    assert decided(Suspend("fraud"), CREATED, suspended) == [CustomerSuspended(reason="fraud")]
    assert after(CREATED, suspended) == Known(name="Acme", max_sessions=3, cell="default", suspended="unpaid")
    assert after(CREATED, suspended, CustomerResumed()) == after(CREATED)


@pytest.mark.parametrize(
    ("command", "pointers"),
    [
        (Create(" ", -1, max_monthly_nano=0, cell="a cell"), ["/name", "/max_sessions", "/max_monthly_nano", "/cell"]),
        (Rename("two\nlines"), ["/name"]),
        (Cap(3, MAX_NANO + 1), ["/max_monthly_nano"]),
        (Suspend("x" * 201), ["/reason"]),
        (Suspend(""), ["/reason"]),
    ],
)
def test_every_mistake_is_told_with_its_place(command: Command, pointers: list[str]) -> None:
    with pytest.raises(BadCustomer) as caught:
        decided(command, CREATED)
    assert [error.pointer for error in caught.value.errors] == pointers
