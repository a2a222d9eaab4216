"""Access tokens of members: JWTs (RFC 7519) signed with Ed25519 (RFC 8037), good for ten minutes.

A token says which member of which customer, and which login. It never says the role: that, like the end of a login,
is looked up where the token is used (chassis.access). The issuer alone has the private key; every service has the
public ones, of which there may be several while keys rotate. The algorithm is pinned, whatever a token says of itself.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from chassis.errors import NotAuthenticated
from chassis.settings import BadSettings
from contracts.ids import CustomerId, LoginId, MemberId

TTL_S = 600
LEEWAY_S = 30
"""How far clocks of our own machines may be apart."""

_ISSUER, _AUDIENCE, _ALGORITHM = "baton/config", "baton/api", "EdDSA"
_REQUIRED = ["iss", "aud", "exp", "iat", "sub", "cus", "sid"]


class TokenExpired(NotAuthenticated):
    """The token was good once."""

    code, title = "token_expired", "The access token has expired"


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says."""

    member: MemberId
    customer: CustomerId
    login: LoginId


class TokenIssuer:
    """Signs. `key` is an Ed25519 private key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(key)
        self._kid = _key_id(self._key.public_key())

    @property
    def public_key(self) -> bytes:
        """The 32 bytes that verify what this one signs."""
        return self._key.public_key().public_bytes_raw()

    def issue(self, claims: Claims, *, now: datetime) -> str:
        """A token that is good from `now` for TTL_S seconds."""
        content = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": claims.member,
            "cus": claims.customer,
            "sid": claims.login,
            "iat": now,
            "exp": now + timedelta(seconds=TTL_S),
        }
        return jwt.encode(content, self._key, algorithm=_ALGORITHM, headers={"kid": self._kid})


class TokenVerifier:
    """Verifies with any of the public keys it was given; without one, it lets nobody in."""

    def __init__(self, keys: Mapping[str, Ed25519PublicKey]) -> None:
        self._keys = keys

    @classmethod
    def parse(cls, text: str) -> "TokenVerifier":
        """From the setting `login_public_keys`: 64 hexadecimal digits each, commas between. Raises BadSettings."""
        try:
            parts = [bytes.fromhex(one.strip()) for one in text.split(",") if one.strip()]
            keys = [Ed25519PublicKey.from_public_bytes(part) for part in parts]
        except ValueError:
            raise BadSettings("BATON_LOGIN_PUBLIC_KEYS: 64 hexadecimal digits each, commas between") from None
        return cls({_key_id(key): key for key in keys})

    def verify(self, token: str) -> Claims:
        """What the token says; raises NotAuthenticated (TokenExpired)."""
        try:
            key = self._keys[jwt.get_unverified_header(token).get("kid", "")]
            told = jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                audience=_AUDIENCE,
                leeway=LEEWAY_S,
                options={"require": _REQUIRED},
            )
            return Claims(
                member=MemberId(str(told["sub"])),
                customer=CustomerId(str(told["cus"])),
                login=LoginId(str(told["sid"])),
            )
        except jwt.ExpiredSignatureError:
            raise TokenExpired from None
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError):
            raise NotAuthenticated("the access token is not one of ours") from None


def _key_id(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(b"baton login key" + key.public_bytes_raw()).hexdigest()[:16]
