"""What a customer does with its price book and its limits: write, look up, and read what there was."""

from datetime import datetime
from typing import TypeVar

import msgspec

from chassis.clock import Clock
from chassis.command_handler import CommandHandler, Handled, Stream
from chassis.event_log import EventLog
from chassis.principal import Principal
from chassis.recording import Origin
from config.domain import limits, price_book
from config.domain.difference import Change, changes
from config.domain.limits import LIMITS
from config.domain.price_book import PRICE_BOOK, content_of
from config.handlers.entities import Check
from contracts.envelope import Envelope, decode_commit
from contracts.events.limits import LimitsSet
from contracts.events.price_book import PriceBookPublished
from contracts.ids import CustomerId
from contracts.limits import LIMITS_ID, CustomerLimits, limits_subject
from contracts.price_books import PRICE_BOOK_ID, OwnBook, price_book_subject
from contracts.pricing import BookContent
from contracts.registry import EventData, decode_data
from contracts.subjects import CONFIG_WRITER, Log

E = TypeVar("E", bound=EventData)


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """When a version was made, and by whom."""

    at: str
    by: str


class Terms:
    """Commands and look-ups. Raises the deciders' refusals and LogFault."""

    def __init__(self, *, log: EventLog, clock: Clock, source: str) -> None:
        self._handler = CommandHandler(log=log, log_name=Log.CONFIG, clock=clock)
        self._log, self._clock, self._source = log, clock, source

    async def draft(self, principal: Principal, content: BookContent, *, check: Check = None) -> Handled[OwnBook]:
        """Write the draft of the price book."""
        return await self._write_book(principal, price_book.Draft(content), check)

    async def publish(
        self, principal: Principal, *, in_force_from: datetime | None, corrects: list[str]
    ) -> Handled[OwnBook]:
        """Make the draft a version."""
        now = self._clock.now()
        command = price_book.Publish(now=now, in_force_from=in_force_from, corrects=corrects)
        return await self._write_book(principal, command, None)

    async def book(self, customer: CustomerId) -> Stream[OwnBook]:
        """The customer's own price book; nothing in it where there is none."""
        return await self._handler.load(price_book_subject(customer), PRICE_BOOK)

    async def published(self, customer: CustomerId) -> list[tuple[PriceBookPublished, Written]]:
        """Every version of the price book, the last first."""
        return await self._history(price_book_subject(customer), PriceBookPublished)

    async def compare(self, customer: CustomerId, before: str, after: str) -> list[Change]:
        """What differs between two versions, by pointer; prices are told by provider, model and unit."""
        book = (await self.book(customer)).state
        return changes(_shown(content_of(before, book)), _shown(content_of(after, book)))

    async def in_force(self, customer: CustomerId) -> str:
        """The version that a session gets now; empty where that is the deployment's."""
        found = (await self.book(customer)).state.in_force(self._clock.now())
        return found.version if found else ""

    async def set_limits(
        self, principal: Principal, wanted: CustomerLimits, *, check: Check = None
    ) -> Handled[limits.State]:
        """Let the limits be these from now on."""
        subject, origin = limits_subject(principal.customer), self._origin(principal, LIMITS_ID)
        command = limits.Set(wanted)
        return await self._handler.handle(subject, LIMITS, command, origin=origin, actor=principal.actor, check=check)

    async def limits(self, customer: CustomerId) -> Stream[limits.State]:
        """The limits as they stand."""
        return await self._handler.load(limits_subject(customer), LIMITS)

    async def limits_set(self, customer: CustomerId) -> list[tuple[LimitsSet, Written]]:
        """Every version of the limits, the last first."""
        return await self._history(limits_subject(customer), LimitsSet)

    async def _write_book(self, principal: Principal, command: price_book.Command, check: Check) -> Handled[OwnBook]:
        subject, origin = price_book_subject(principal.customer), self._origin(principal, PRICE_BOOK_ID)
        return await self._handler.handle(
            subject, PRICE_BOOK, command, origin=origin, actor=principal.actor, check=check
        )

    def _origin(self, principal: Principal, id: str) -> Origin:
        return Origin(
            customer=principal.customer,
            subject=id,
            writer=CONFIG_WRITER,
            source=self._source,
            livemode=principal.livemode,
        )

    async def _history(self, subject: str, kind: type[E]) -> list[tuple[E, Written]]:
        found = [
            (data, _written(envelope))
            async for commit in self._log.read(Log.CONFIG, subject)
            for envelope in decode_commit(commit.payload)
            if isinstance(data := decode_data(envelope), kind)
        ]
        return found[::-1]


def _written(envelope: Envelope) -> Written:
    return Written(at=envelope.time, by=envelope.actor)


def _shown(content: BookContent) -> dict[str, object]:
    prices = {"/".join(entry.key): {"amount_nano": entry.amount_nano, "per": entry.per} for entry in content.entries}
    return {"currency": content.currency, "about": content.about, "prices": prices}
