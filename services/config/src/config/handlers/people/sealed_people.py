"""What members and invited people are called: sealed under a key of each one's own, which config's vault keeps.

Whoever's key is destroyed reads as nobody; what they did stays, under their id.
"""

import structlog

from chassis.recording import open_personal
from chassis.sealing import SealBroken, new_key
from chassis.vault import SecretMissing, Vault
from contracts.envelope import Envelope
from contracts.ids import CustomerId, InvitationId, KeyId, MemberId
from contracts.registry import Personal

log = structlog.get_logger(__name__)

_FIELD = "person"
Owner = MemberId | InvitationId


class SealedPeople:
    """Keys of people: made, used and destroyed. Raises LogFault."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def new_key(self, customer: CustomerId, of: Owner) -> tuple[KeyId, bytes]:
        """A key for what is personal of one member or invitation, and its id."""
        key = new_key()
        return KeyId(await self._vault.put(customer=customer, entity=of, field=_FIELD, secret=key)), key

    async def open(self, envelope: Envelope, of: Owner) -> Personal | None:
        """The personal part of an event about `of`; None where the key is destroyed or does not fit."""
        try:
            key = await self._vault.get(customer=envelope.customer, entity=of, field=_FIELD, id=envelope.keyid)
            return open_personal(envelope, key)
        except SecretMissing:
            return None
        except SealBroken as broken:
            log.error("person_not_opened", customer=envelope.customer, of=of, code=broken.code)
            return None

    async def destroy(self, customer: CustomerId, keyid: KeyId) -> None:
        """Destroy a key; twice is safe."""
        await self._vault.forget(customer=customer, id=keyid)
