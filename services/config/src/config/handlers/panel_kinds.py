"""What config does with panel kinds of customers' own: write, look up, archive. Baton's own are files of contracts."""

from chassis.clock import Clock
from chassis.command_handler import CommandHandler, Handled, Stream
from chassis.errors import InvalidInput, NotFound
from chassis.event_log import EventLog
from chassis.guarded_addresses import Permission
from chassis.principal import Principal
from chassis.recording import Origin
from config.domain.panel_kind import PANEL_KIND, Archive, Command, State, Write
from config.domain.panel_kind_rules import kind_errors, kind_name_errors
from config.handlers.entities import Check
from contracts.ids import CustomerId
from contracts.panels.kind import PanelKind, PanelKindFile
from contracts.panels.registry import builtin
from contracts.subjects import CONFIG_WRITER, Log, config_subject

KIND = "panel_kind"


class InvalidPanelKind(InvalidInput):
    """The file breaks rules of panel kinds."""

    code, title = "invalid_panel_kind", "The panel kind cannot be used"


class PanelKinds:
    """Commands and look-ups. Raises the decider's refusals and LogFault; `allow` is the permission of development."""

    def __init__(self, *, log: EventLog, clock: Clock, source: str, allow: Permission | None = None) -> None:
        self._handler = CommandHandler(log=log, log_name=Log.CONFIG, clock=clock)
        self._source, self._allow = source, allow

    async def write(
        self, principal: Principal, name: str, file: PanelKindFile, *, check: Check = None
    ) -> Handled[State]:
        """Create a kind, or give it its next version. Raises InvalidPanelKind with every mistake, KindArchived."""
        known = builtin()
        if wrong := list(kind_name_errors(name, known)):
            raise InvalidPanelKind(errors=wrong)
        kind = _named(name, file)
        if wrong := kind_errors(kind, known, allow=self._allow):
            raise InvalidPanelKind("; ".join(error.detail for error in wrong[:3]), errors=wrong)
        return await self._handle(principal, name, Write(kind), check)

    async def archive(self, principal: Principal, name: str) -> Handled[State]:
        """Out of use; versions that have it keep it. Raises NotFound."""
        return await self._handle(principal, name, Archive())

    async def find(self, customer: CustomerId, name: str) -> Stream[State]:
        """One kind of the customer's own; raises NotFound."""
        stream = await self._handler.load(config_subject(customer, KIND, name), PANEL_KIND)
        if stream.revision == 0:
            raise NotFound("no such panel kind")
        return stream

    async def _handle(self, principal: Principal, name: str, command: Command, check: Check = None) -> Handled[State]:
        origin = Origin(
            customer=principal.customer,
            subject=name,
            writer=CONFIG_WRITER,
            source=self._source,
            livemode=principal.livemode,
        )
        subject = config_subject(principal.customer, KIND, name)
        return await self._handler.handle(
            subject, PANEL_KIND, command, origin=origin, actor=principal.actor, check=check
        )


def _named(name: str, file: PanelKindFile) -> PanelKind:
    """The kind of this name; the version is given when it is decided on."""
    fields = {field: getattr(file, field) for field in PanelKindFile.__struct_fields__}
    return PanelKind(kind=name, version=1, **fields)
