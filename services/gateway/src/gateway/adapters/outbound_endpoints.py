"""Customers' endpoints, folded in memory from the CONFIG log, as the catalogue is."""

import asyncio

import msgspec
import structlog

from chassis.event_log import Commit, EventLog
from contracts.envelope import InvalidCommit, decode_commit
from contracts.ids import CustomerId
from contracts.registry import UnknownEvent, decode_data
from contracts.subjects import Log
from gateway.domain.outbound_endpoint import Endpoint, evolve

log = structlog.get_logger(__name__)
KIND = "webhook"


class Endpoints:
    """By customer and id, without those that were deleted. `caught_up` is set once the past is known."""

    def __init__(self, *, event_log: EventLog) -> None:
        self._log = event_log
        self._of: dict[CustomerId, dict[str, Endpoint]] = {}
        self._sequence = 0
        self._moved = asyncio.Condition()
        self.caught_up = asyncio.Event()

    async def follow(self) -> None:
        """Follow the log for ever."""
        end = await self._log.end(Log.CONFIG)
        if end == 0:
            self.caught_up.set()
        async for batch in self._log.tail(Log.CONFIG):
            for commit in batch:
                self._apply(commit)
            async with self._moved:
                self._sequence = batch[-1].sequence
                self._moved.notify_all()
            if self._sequence >= end:
                self.caught_up.set()

    def of(self, customer: CustomerId) -> dict[str, Endpoint]:
        """All of a customer's."""
        return self._of.get(customer, {})

    async def reach(self, sequence: int, *, timeout_s: float) -> bool:
        """Wait until everything up to `sequence` is in here; whether it is."""
        try:
            async with asyncio.timeout(timeout_s), self._moved:
                await self._moved.wait_for(lambda: self._sequence >= sequence)
        except TimeoutError:
            return False
        return True

    def _apply(self, commit: Commit) -> None:
        _, customer, kind, id = commit.subject.split(".")
        if kind != KIND:
            return
        mine = self._of.setdefault(CustomerId(customer), {})
        endpoint = mine.get(id, Endpoint())
        try:
            for envelope in decode_commit(commit.payload):
                endpoint = evolve(endpoint, decode_data(envelope))
        except (InvalidCommit, UnknownEvent, msgspec.ValidationError) as error:
            log.error("config_commit_unreadable", sequence=commit.sequence, error=type(error).__name__)
        mine[id] = endpoint
        if endpoint.condition == "deleted":
            del mine[id]
