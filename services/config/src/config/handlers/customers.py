"""What operators do with customers: write and look up. Whose they are is their own id: they stand above no other."""

from collections.abc import Callable

from chassis.clock import Clock
from chassis.command_handler import CommandHandler, Handled, Stream
from chassis.errors import Conflict, NotFound
from chassis.event_log import EventLog
from chassis.ids import new_id
from chassis.recording import Origin
from config.domain.customer import CUSTOMER, Command, Create, Known, State
from contracts.ids import CustomerId
from contracts.subjects import CONFIG_WRITER, Log, config_subject

KIND = "customer"

Check = Callable[[int], None] | None


class CustomerExists(Conflict):
    """The id is another customer's."""

    code, title = "customer_exists", "There is a customer of that id"


class Customers:
    """Commands and look-ups. Raises the decider's refusals and LogFault. `actor` is the operator's id."""

    def __init__(self, *, log: EventLog, clock: Clock, source: str) -> None:
        self._handler = CommandHandler(log=log, log_name=Log.CONFIG, clock=clock)
        self._source = source

    async def create(
        self, actor: str, command: Create, *, id: CustomerId | None = None
    ) -> tuple[CustomerId, Handled[State]]:
        """A new customer, under an id of the operator's choice or of ours. Raises BadCustomer, CustomerExists."""
        customer = id or CustomerId(new_id("cus"))
        handled = await self.write(actor, customer, command)
        if not handled.events:
            raise CustomerExists
        return customer, handled

    async def write(self, actor: str, customer: CustomerId, command: Command, *, check: Check = None) -> Handled[State]:
        """Carry out a command; raises BadCustomer, NotFound and what `check` raises."""
        origin = Origin(customer=customer, subject=customer, writer=CONFIG_WRITER, source=self._source)
        subject = config_subject(customer, KIND, customer)
        return await self._handler.handle(subject, CUSTOMER, command, origin=origin, actor=actor, check=check)

    async def find(self, customer: CustomerId) -> Stream[State]:
        """One customer; raises NotFound."""
        stream = await self._handler.load(config_subject(customer, KIND, customer), CUSTOMER)
        if not isinstance(stream.state, Known):
            raise NotFound("no such customer")
        return stream
