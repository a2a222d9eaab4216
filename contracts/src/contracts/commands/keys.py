"""Asking the gateway for a session's data key. The answer is a secret: it is never logged or stored."""

import msgspec

from contracts.ids import CustomerId, KeyId, SessionId


class OpenKey(msgspec.Struct, frozen=True, kw_only=True):
    """Open the data key `keyid` of a session for the service named in `reader`."""

    customer: CustomerId
    session: SessionId
    keyid: KeyId
    reader: str


class KeyOpened(msgspec.Struct, frozen=True, kw_only=True, tag="opened"):
    """32 bytes, AES-256."""

    key: bytes


class KeyGone(msgspec.Struct, frozen=True, kw_only=True, tag="gone"):
    """The key was destroyed, or never was: what it sealed reads `erased`."""

    why: str


KeyAnswer = KeyOpened | KeyGone
