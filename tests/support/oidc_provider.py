"""A small, real OIDC provider with an HTTP server of its own: discovery, authorization with PKCE, signed tokens, keys.

A test says who comes (`who`), and what goes wrong (`change` on the claims, `forge` on the token).
"""

import base64
import contextlib
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from chassis.service import serving

CLIENT_ID, CLIENT_SECRET, REDIRECT_URL = "baton", "client secret for tests", "https://app.example.com/login"
Claims = dict[str, Any]


class OidcProvider:
    """The provider. Codes are good once; a code is given out only with the verifier of its challenge."""

    def __init__(self) -> None:
        self.issuer = ""
        self.who: Claims = {}
        self.change: Callable[[Claims], Claims] = lambda claims: claims
        self.forge: Callable[[Claims, rsa.RSAPrivateKey, str], str] = _signed
        self.key, self.kid = rsa.generate_private_key(public_exponent=65537, key_size=2048), "key-1"
        self.told_issuer: str | None = None
        self.key_reads = 0
        self._codes: dict[str, tuple[str, Claims]] = {}

    async def log_in(self, url: str) -> dict[str, str]:
        """Follow an authorization URL as a browser does; what the redirect brings back."""
        async with httpx.AsyncClient() as browser:
            answer = await browser.get(url)
        assert answer.status_code == 302, answer.text
        place = urlsplit(answer.headers["Location"])
        assert f"{place.scheme}://{place.netloc}{place.path}" == REDIRECT_URL
        return {name: values[0] for name, values in parse_qs(place.query).items()}

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """The provider's HTTP side."""
        body = (await receive())["body"] if scope["method"] == "POST" else b""
        query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        status, headers, told = self._answer(scope["path"], query, form)
        headers = [(b"content-type", b"application/json"), *headers]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(told).encode()})

    def _answer(
        self, path: str, query: dict[str, str], form: dict[str, str]
    ) -> tuple[int, list[tuple[bytes, bytes]], Claims]:
        match path:
            case "/.well-known/openid-configuration":
                return 200, [], self._metadata()
            case "/authorize":
                return self._authorize(query)
            case "/token":
                return self._token(form)
            case "/keys":
                self.key_reads += 1
                public = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
                return 200, [], {"keys": [{**public, "kid": self.kid, "use": "sig", "alg": "RS256"}]}
            case _:
                return 404, [], {}

    def _metadata(self) -> Claims:
        return {
            "issuer": self.told_issuer or self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }

    def _authorize(self, query: dict[str, str]) -> tuple[int, list[tuple[bytes, bytes]], Claims]:
        expected = {"response_type": "code", "client_id": CLIENT_ID, "redirect_uri": REDIRECT_URL}
        if {**query, **expected} != query or query.get("code_challenge_method") != "S256":
            return 400, [], {"error": "invalid_request"}
        now, code = int(time.time()), secrets.token_urlsafe(16)
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": query["nonce"],
            **self.who,
        }
        self._codes[code] = query["code_challenge"], self.change(claims)
        back = urlencode({"code": code, "state": query["state"]})
        return 302, [(b"location", f"{REDIRECT_URL}?{back}".encode())], {}

    def _token(self, form: dict[str, str]) -> tuple[int, list[tuple[bytes, bytes]], Claims]:
        challenge, claims = self._codes.pop(form.get("code", ""), ("", {}))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proved = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge
        if not proved or (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return 400, [], {"error": "invalid_grant"}
        token = self.forge(claims, self.key, self.kid)
        return 200, [], {"access_token": "x", "token_type": "Bearer", "id_token": token}


def _signed(claims: Claims, key: rsa.RSAPrivateKey, kid: str) -> str:
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": kid})


@contextlib.asynccontextmanager
async def an_oidc_provider() -> AsyncIterator[OidcProvider]:
    """The provider, served on this machine."""
    provider = OidcProvider()
    async with serving(provider) as port:
        provider.issuer = f"http://127.0.0.1:{port}"
        yield provider


def settings_of(provider: OidcProvider) -> dict[str, Any]:
    """Config's settings for it."""
    return {
        "oidc_issuer": provider.issuer,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": CLIENT_SECRET,
        "oidc_redirect_url": REDIRECT_URL,
        "development_reach_loopback": True,
    }
