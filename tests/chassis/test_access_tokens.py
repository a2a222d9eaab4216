"""Access tokens: what verifies, and every way in which one does not."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.access_tokens import TTL_S, Claims, TokenExpired, TokenIssuer, TokenVerifier
from chassis.errors import NotAuthenticated
from contracts.ids import CustomerId, LoginId, MemberId

pytestmark = pytest.mark.unit

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
CLAIMS = Claims(member=MemberId("mem_1"), customer=CustomerId("acme"), login=LoginId("lgn_1"))
ISSUER = TokenIssuer(KEY)
VERIFIER = TokenVerifier.parse(ISSUER.public_key.hex())


def now() -> datetime:
    return datetime.now(UTC)


def told(token: str) -> dict[str, Any]:
    content: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return content


def signed(content: dict[str, Any], *, key: bytes = KEY, kid: str | None = None) -> str:
    """A token of any content, by our key and under its id where no other is given."""
    kid = jwt.get_unverified_header(ISSUER.issue(CLAIMS, now=now()))["kid"] if kid is None else kid
    return jwt.encode(content, Ed25519PrivateKey.from_private_bytes(key), algorithm="EdDSA", headers={"kid": kid})


def test_a_token_says_who_and_nothing_of_what_they_may() -> None:
    token = ISSUER.issue(CLAIMS, now=now())
    assert VERIFIER.verify(token) == CLAIMS
    assert told(token).keys() == {"iss", "aud", "sub", "cus", "sid", "iat", "exp"}
    assert told(token)["exp"] - told(token)["iat"] == TTL_S <= 600


def test_keys_rotate_by_several_public_ones() -> None:
    other = TokenIssuer(OTHER_KEY)
    both = TokenVerifier.parse(f"{ISSUER.public_key.hex()}, {other.public_key.hex()}")
    for issuer in (ISSUER, other):
        assert both.verify(issuer.issue(CLAIMS, now=now())) == CLAIMS
    with pytest.raises(NotAuthenticated):
        VERIFIER.verify(other.issue(CLAIMS, now=now()))
    with pytest.raises(NotAuthenticated):
        TokenVerifier.parse("").verify(ISSUER.issue(CLAIMS, now=now()))


def test_an_expired_token_says_so() -> None:
    with pytest.raises(TokenExpired):
        VERIFIER.verify(ISSUER.issue(CLAIMS, now=now() - timedelta(seconds=TTL_S + 60)))


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "someone"},
        {"aud": "elsewhere"},
        {"aud": None},
        {"exp": None},
        {"iat": None},
        {"sub": None},
        {"cus": None},
    ],
    ids=str,
)
def test_a_token_of_another_purpose_is_refused(change: dict[str, Any]) -> None:
    content = told(ISSUER.issue(CLAIMS, now=now())) | change
    with pytest.raises(NotAuthenticated):
        VERIFIER.verify(signed({name: value for name, value in content.items() if value is not None}))


def test_no_other_algorithm_or_key_is_taken() -> None:
    good = ISSUER.issue(CLAIMS, now=now())
    header, content = jwt.get_unverified_header(good), told(good)
    kid = {"kid": header["kid"]}

    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    forged = [
        f"{part({**header, 'alg': 'none'})}.{part(content)}.",
        jwt.encode(content, ISSUER.public_key.hex(), algorithm="HS256", headers=kid),
        signed(content, key=OTHER_KEY),
        signed(content, kid="unknown"),
        good[:-4] + ("AAAA" if not good.endswith("AAAA") else "BBBB"),
        "a.b.c",
        "..",
    ]
    for token in forged:
        with pytest.raises(NotAuthenticated):
            VERIFIER.verify(token)
