"""Sealing personal values, and wrapping the keys that do it. AES-256-GCM throughout.

A sealed blob is 12 bytes of random nonce, then ciphertext and tag.
"""

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE_BYTES = 12


class SealBroken(Exception):
    """Wrong key, or bytes or binding that were tampered with."""

    code = "seal_broken"


def new_key() -> bytes:
    """A fresh AES-256 key."""
    return os.urandom(KEY_BYTES)


def seal(key: bytes, content: bytes, *, binding: bytes) -> bytes:
    """Encrypt `content`; `binding` is authenticated with it but not stored."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, binding)


def unseal(key: bytes, blob: bytes, *, binding: bytes) -> bytes:
    """Inverse of `seal`; raises SealBroken."""
    try:
        return AESGCM(key).decrypt(blob[:_NONCE_BYTES], blob[_NONCE_BYTES:], binding)
    except (InvalidTag, ValueError) as error:
        raise SealBroken("a sealed value does not open with this key and binding") from error


def keyed_digest(key: bytes, content: bytes) -> str:
    """HMAC-SHA-256 in hex: how a long random credential is stored."""
    return hmac.new(key, content, hashlib.sha256).hexdigest()


def derive_key(master: bytes, purpose: str) -> bytes:
    """A key of its own for one purpose, from the deployment's master key (HMAC-SHA-256 of the purpose)."""
    return hmac.new(master, purpose.encode(), hashlib.sha256).digest()
