"""Customers' endpoints, folded in memory from the CONFIG log, as the catalogue is."""

import msgspec
import structlog

from chassis.event_log import Commit, EventLog
from chassis.log_fold import LogFold
from contracts.envelope import InvalidCommit, decode_commit
from contracts.ids import CustomerId
from contracts.registry import UnknownEvent, decode_data
from contracts.subjects import Log
from gateway.domain.outbound_endpoint import Endpoint, evolve

log = structlog.get_logger(__name__)
KIND = "webhook"


class Endpoints(LogFold):
    """By customer and id, without those that were deleted. `caught_up` is set once the past is known."""

    def __init__(self, *, event_log: EventLog) -> None:
        super().__init__(log=event_log, name=Log.CONFIG)
        self._of: dict[CustomerId, dict[str, Endpoint]] = {}

    def of(self, customer: CustomerId) -> dict[str, Endpoint]:
        """All of a customer's."""
        return self._of.get(customer, {})

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
