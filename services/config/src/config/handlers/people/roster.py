"""The stream of a customer's members and invitations: read, written, and looked up in."""

from collections.abc import Callable

import msgspec

from chassis.clock import Clock
from chassis.command_handler import CommandHandler, Handled, Sealing, Stream
from chassis.event_log import EventLog
from chassis.recording import Origin
from config.domain import membership
from config.domain.members import MEMBERS, Command
from config.domain.membership import State
from contracts.envelope import Envelope, decode_commit
from contracts.events.invitation import InvitationCreated
from contracts.events.member import MemberJoined
from contracts.ids import CustomerId, InvitationId, KeyId, MemberId
from contracts.registry import Personal, decode_data
from contracts.subjects import CONFIG_WRITER, Log, config_subject
from contracts.subjects import MEMBERS as KIND


class Sealed(msgspec.Struct, frozen=True):
    """What is personal in a command, and the key that seals it."""

    personal: Personal
    keyid: KeyId
    key: bytes


class Roster:
    """Commands and look-ups. Raises the decider's refusals, Unavailable and LogFault."""

    def __init__(self, *, log: EventLog, clock: Clock, source: str) -> None:
        self._handler = CommandHandler(log=log, log_name=Log.CONFIG, clock=clock)
        self._log, self._source = log, source

    async def load(self, customer: CustomerId) -> Stream[State]:
        """All members and invitations as they stand."""
        return await self._handler.load(config_subject(customer, KIND, customer), MEMBERS)

    async def member(self, customer: CustomerId, id: MemberId) -> tuple[membership.Member, Stream[State]]:
        """One member; raises NotFound."""
        stream = await self.load(customer)
        return membership.find(stream.state, id), stream

    async def handle(
        self,
        customer: CustomerId,
        command: Command,
        *,
        actor: str,
        sealed: Sealed | None = None,
        check: Callable[[int], None] | None = None,
    ) -> Handled[State]:
        """Carry out a command; `sealed` is what is personal in it."""
        origin = Origin(
            customer=customer,
            subject=customer,
            writer=CONFIG_WRITER,
            source=self._source,
            keyid=sealed.keyid if sealed else KeyId(""),
        )
        return await self._handler.handle(
            config_subject(customer, KIND, customer),
            MEMBERS,
            command,
            origin=origin,
            actor=actor,
            check=check,
            sealing=Sealing(sealed.personal, sealed.key) if sealed else None,
        )

    async def beginning(
        self, customer: CustomerId, kind: type[MemberJoined | InvitationCreated], id: MemberId | InvitationId
    ) -> Envelope | None:
        """The event that a member or an invitation began with, None where there is none such."""
        async for commit in self._log.read(Log.CONFIG, config_subject(customer, KIND, customer)):
            for envelope in decode_commit(commit.payload):
                told = decode_data(envelope)
                if isinstance(told, kind) and id == (
                    told.member if isinstance(told, MemberJoined) else told.invitation
                ):
                    return envelope
        return None
