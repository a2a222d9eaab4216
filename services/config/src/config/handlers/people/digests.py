"""Keyed digests by which people and what they hold are found, so that neither log nor database tells who they are."""

from chassis.sealing import derive_key, keyed_digest
from config.domain.credentials import normalised


class Digests:
    """One key for each purpose, from the deployment's pepper: a digest of one kind is never one of another."""

    def __init__(self, pepper: bytes) -> None:
        self._addresses = derive_key(pepper, "members' addresses")
        self._identities = derive_key(pepper, "members' identities")
        self._tokens = derive_key(pepper, "members' tokens")

    def address(self, email: str) -> str:
        """Of an e-mail address, the same for all its spellings."""
        return keyed_digest(self._addresses, normalised(email).encode())

    def identity(self, issuer: str, subject: str) -> str:
        """Of what an OIDC provider calls a person."""
        return keyed_digest(self._identities, f"{issuer}\n{subject}".encode())

    def token(self, text: str) -> str:
        """Of a refresh token, the secret of an invitation, or a state of OIDC."""
        return keyed_digest(self._tokens, text.encode())
