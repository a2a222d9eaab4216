"""An OIDC provider (OpenID Connect Core 1.0 §3.1, RFC 7636): where to send people, and what it says of them.

Everything is asked through the guarded client. What the provider tells is believed only if it is signed by a key of its
own published set, with an algorithm that is on our list, for us, now, and in answer to the very login that was begun.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import jwt
import msgspec
import structlog

from chassis.errors import NotAuthenticated, Unavailable
from chassis.guarded_http import GuardedClient, GuardedFault

log = structlog.get_logger(__name__)

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
_MAX_BYTES = 256 * 1024
_TIMEOUT_S, _KEPT_S, _KEYS_AGAIN_S, _LEEWAY_S = 5.0, 3600.0, 30.0, 30
_REQUIRED = ["iss", "aud", "exp", "iat", "sub", "nonce"]


class ProviderUnavailable(Unavailable):
    """The provider does not answer, or not as a provider does."""

    code, title = "oidc_unavailable", "The identity provider is out of reach"


class ProviderRefused(NotAuthenticated):
    """What the provider said is not a proof: of another login, by another issuer, for another client, or forged."""

    code, title = "oidc_refused", "The identity provider gave no proof of who this is"


class Discovered(msgspec.Struct, frozen=True):
    """What we need of a provider's metadata (OpenID Connect Discovery 1.0 §3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What an ID token says of a person; `email` is empty where it is not verified."""

    subject: str
    email: str
    name: str


class _TokenAnswer(msgspec.Struct):
    id_token: str


class OpenIdProvider:
    """One provider, found by its issuer. Raises ProviderUnavailable and ProviderRefused."""

    def __init__(
        self, *, client: GuardedClient, issuer: str, client_id: str, client_secret: str, redirect_url: str
    ) -> None:
        self._client, self.issuer, self._client_id, self._client_secret = client, issuer, client_id, client_secret
        self._redirect_url = redirect_url
        self._lock = asyncio.Lock()
        self._discovered: tuple[float, Discovered] | None = None
        self._keys: tuple[float, dict[str, jwt.PyJWK]] | None = None

    async def authorization_url(self, *, state: str, nonce: str, challenge: str) -> str:
        """Where the person goes to show who they are."""
        found = await self._discover()
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_url,
            "scope": "openid email profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in found.authorization_endpoint else "?"
        return f"{found.authorization_endpoint}{joint}{urlencode(query)}"

    async def redeem(self, code: str, *, verifier: str, nonce: str) -> Identity:
        """Change a code for what the provider says of the person."""
        found = await self._discover()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_url,
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "code_verifier": verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        status, body = await self._ask("POST", found.token_endpoint, urlencode(form).encode(), headers)
        if status != 200:
            raise ProviderRefused("the provider did not take the code")
        try:
            token = msgspec.json.decode(body, type=_TokenAnswer).id_token
        except msgspec.MsgspecError as error:
            raise ProviderUnavailable from error
        return _identity(await self._verified(token, nonce=nonce))

    async def _verified(self, token: str, *, nonce: str) -> Mapping[str, Any]:
        try:
            told: dict[str, Any] = jwt.decode(
                token,
                await self._key(jwt.get_unverified_header(token)),
                algorithms=ALGORITHMS,
                issuer=self.issuer,
                audience=self._client_id,
                leeway=_LEEWAY_S,
                options={"require": _REQUIRED},
            )
        except jwt.InvalidTokenError as error:
            log.warning("oidc_token_refused", why=type(error).__name__)
            raise ProviderRefused from None
        audience = told["aud"]
        others = isinstance(audience, list) and len(audience) > 1
        if told["nonce"] != nonce or (others and told.get("azp") != self._client_id):
            log.warning("oidc_token_refused", why="nonce or authorized party")
            raise ProviderRefused
        return told

    async def _key(self, header: Mapping[str, Any]) -> jwt.PyJWK:
        """The provider's key of this id; its set is read again, but not all the time, for one that is not known."""
        kid = str(header.get("kid", ""))
        async with self._lock:
            age_s = time.monotonic() - self._keys[0] if self._keys else None
            unknown = self._keys is None or kid not in self._keys[1]
            if age_s is None or age_s > _KEPT_S or (unknown and age_s > _KEYS_AGAIN_S):
                self._keys = (time.monotonic(), await self._read_keys())
        key = self._keys[1].get(kid) if self._keys else None
        if key is None or key.algorithm_name not in ALGORITHMS:
            raise ProviderRefused
        return key

    async def _read_keys(self) -> dict[str, jwt.PyJWK]:
        found = await self._discover()
        told = await self._json(found.jwks_uri)
        try:
            return {key.key_id or "": key for key in jwt.PyJWKSet.from_dict(told).keys if _signs(key)}
        except jwt.PyJWTError as error:
            raise ProviderUnavailable from error

    async def _discover(self) -> Discovered:
        if self._discovered is None or time.monotonic() - self._discovered[0] > _KEPT_S:
            told = await self._json(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
            try:
                found = msgspec.convert(told, Discovered)
            except msgspec.ValidationError as error:
                raise ProviderUnavailable from error
            if found.issuer != self.issuer:
                log.error("oidc_issuer_differs")
                raise ProviderUnavailable
            self._discovered = (time.monotonic(), found)
        return self._discovered[1]

    async def _json(self, url: str) -> dict[str, Any]:
        status, body = await self._ask("GET", url, b"", {"Accept": "application/json"})
        try:
            told = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise ProviderUnavailable from error
        if status != 200:
            raise ProviderUnavailable
        return told

    async def _ask(self, method: str, url: str, content: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        try:
            async with (
                asyncio.timeout(_TIMEOUT_S),
                self._client.stream(method, url, content=content, headers=headers, timeout_s=_TIMEOUT_S) as answer,
            ):
                return answer.status, await answer.body(_MAX_BYTES)
        except (GuardedFault, TimeoutError) as fault:
            log.warning("oidc_not_reached", why=type(fault).__name__)
            raise ProviderUnavailable from fault


def _signs(key: jwt.PyJWK) -> bool:
    return key.public_key_use in (None, "sig")


def _identity(told: Mapping[str, Any]) -> Identity:
    verified = told.get("email_verified") is True
    return Identity(
        subject=str(told["sub"]),
        email=str(told.get("email", "")) if verified else "",
        name=str(told.get("name", "")),
    )
