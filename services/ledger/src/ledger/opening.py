"""Opening at the edge what read models keep sealed. Nothing opened is ever stored or logged."""

import structlog

from chassis.key_ring import KeyRing
from chassis.sealing import SealBroken
from contracts.envelope import Envelope
from contracts.registry import Personal
from contracts.sealed import Sealed
from ledger.sessions import FoundSession

ERASED = "erased"
"""What a personal part reads as, once its key is destroyed."""

BROKEN = "broken"
"""What a personal part reads as that its key does not open: it was tampered with."""

log = structlog.get_logger(__name__)

Opened = Personal | str | None


class Opener:
    """Opens personal parts for the HTTP edge."""

    def __init__(self, *, keys: KeyRing) -> None:
        self._keys = keys

    async def open(self, envelope: Envelope) -> Opened:
        """The personal part; None where there is none, ERASED or BROKEN where it cannot be had."""
        if not envelope.personal:
            return None
        try:
            personal = await self._keys.open(envelope)
        except SealBroken:
            log.error("seal_broken", event_id=envelope.id, session_id=envelope.subject)
            return BROKEN
        return ERASED if personal is None else personal

    async def open_sealed(self, sealed: Sealed | None, found: FoundSession) -> Opened:
        """As `open`, for a part of the session `found` that a read model kept."""
        if sealed is None:
            return None
        return await self.open(sealed.envelope(customer=found.customer, session=found.session))
