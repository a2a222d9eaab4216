"""Opening sealed parts at the gateway's edge. Keys are looked up each time, so that an erasure holds at once."""

from collections.abc import Sequence
from typing import Literal

import msgspec
import structlog

from chassis.recording import open_personal
from chassis.sealing import SealBroken
from contracts.envelope import Envelope
from contracts.ids import CustomerId
from contracts.registry import Personal, UnknownEvent
from gateway.adapters.reach import store_in_reach
from gateway.adapters.vault import Vault

log = structlog.get_logger(__name__)

Opened = Personal | Literal["erased", "broken"] | None
"""None where nothing is sealed; `erased` where the key is destroyed, `broken` where it does not open."""


class Opener:
    """Opens what customers may see of their own. Nothing opened is kept or logged."""

    def __init__(self, *, vault: Vault) -> None:
        self._vault = vault

    async def open(self, customer: CustomerId, envelopes: Sequence[Envelope]) -> list[Opened]:
        """The sealed part of each, in order; one look at the store in all. Raises StoreUnavailable."""
        keyids = {envelope.keyid for envelope in envelopes if envelope.personal}
        with store_in_reach():
            keys = await self._vault.data_keys(customer, keyids) if keyids else {}
        return [_opened(envelope, keys.get(envelope.keyid)) for envelope in envelopes]


def _opened(envelope: Envelope, key: bytes | None) -> Opened:
    if not envelope.personal:
        return None
    if key is None:
        return "erased"
    try:
        return open_personal(envelope, key)
    except (SealBroken, UnknownEvent, msgspec.ValidationError) as error:
        log.error("not_opened", event_id=envelope.id, session_id=envelope.subject, error=type(error).__name__)
        return "broken"
