"""The form of long-lived credentials: ``<head>_<43 random characters>_<crc>``.

The checksum lets a wrong or truncated one be refused, and a leaked one be recognised, without a look-up.
"""

import os
import zlib

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_LENGTH = 43


def new_credential(head: str) -> str:
    """A fresh one that begins with `head`; shown once, never stored."""
    secret = "".join(_ALPHABET[byte % 62] for byte in os.urandom(_SECRET_LENGTH))
    body = f"{head}_{secret}"
    return f"{body}_{_checksum(body)}"


def is_whole(credential: str) -> bool:
    """Whether the checksum is that of the rest."""
    body, _, checksum = credential.rpartition("_")
    return _checksum(body) == checksum


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"
