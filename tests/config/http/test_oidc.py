"""/api/auth/oidc against a real provider: who gets in, and every way in which one does not."""

import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.support.config_api import problem
from tests.support.oidc_provider import Claims, OidcProvider, an_oidc_provider, settings_of
from tests.support.people import PASSWORD, People, a_people_api, person
from tests.support.until import until

from chassis.guarded_addresses import loopback_only
from chassis.guarded_http import GuardedClient
from config.adapters.openid import OpenIdProvider, ProviderUnavailable

pytestmark = pytest.mark.integration


def ada(name: str) -> Claims:
    """What the provider says of one of several people called Ada; each case has its own."""
    return {"sub": name, "email": f"{name}@Example.com", "email_verified": True, "name": "Ada Provided"}


@contextlib.asynccontextmanager
async def a_stack(nats_url: str, database: str) -> AsyncIterator[tuple[People, OidcProvider]]:
    async with (
        an_oidc_provider() as provider,
        a_people_api(nats_url, database, **settings_of(provider)) as people,
    ):
        yield people, provider


async def come(people: People, provider: OidcProvider, who: Claims) -> httpx.Response:
    """Log in by the provider as `who`."""
    provider.who = who
    return await people.post("/api/auth/oidc/callback", await provider.log_in(await begun(people)))


async def begun(people: People) -> str:
    answer = await people.call("GET", "/api/auth/oidc/start")
    assert answer.status_code == 200, answer.text
    url: str = answer.json()["url"]
    return url


async def invited(people: People, email: str, role: str = "analyst") -> dict[str, Any]:
    """An invitation that the list of people knows."""
    olga = await people.register()
    invitation = await people.invite(olga, role, email)
    params = {"min_position": invitation["position"]}
    await people.call("GET", "/api/invitations", as_=olga, params=params)
    return {**invitation, "owner": olga}


async def the_invited_and_members_come_in_and_nobody_else(people: People, provider: OidcProvider) -> None:
    who = ada("ada-1")
    for one in (who, {**who, "email_verified": False}, {**who, "email_verified": "true"}, {"sub": "ada-1"}):
        refused = await come(people, provider, one)
        assert (refused.status_code, problem(refused)["code"]) == (403, "not_invited")
    invitation = await invited(people, "ada-1@example.com")
    unverified = await come(people, provider, {**who, "email_verified": False})
    assert problem(unverified)["code"] == "not_invited", "an address that is not verified is nobody's"
    first = person("ada-1@example.com", await come(people, provider, who))
    me = (await people.call("GET", "/api/auth/me", as_=first)).json()
    assert (me["role"], me["customer_id"], me["name"]) == ("analyst", invitation["owner"].customer, "Ada Provided")
    moved = await come(people, provider, {"sub": "ada-1", "email": "new@example.com", "email_verified": True})
    assert moved.json()["member_id"] == first.member, "found by the provider's id, not by the address"
    other = await come(people, provider, {**who, "sub": "somebody-else"})
    assert (other.status_code, problem(other)["code"]) == (403, "other_identity")
    without = await people.post("/api/auth/login", {"email": "ada-1@example.com", "password": PASSWORD})
    assert without.status_code == 401, "who came by the provider has no password"
    changed = await people.post("/api/auth/password", {"current": PASSWORD, "new": PASSWORD + "!"}, as_=first)
    assert (changed.status_code, problem(changed)["code"]) == (409, "no_password")
    await people.call("DELETE", f"/api/members/{first.member}", as_=invitation["owner"])
    assert problem(await come(people, provider, who))["code"] == "not_invited", "removed is removed"


async def the_first_login_by_the_provider_ends_what_came_before_it(people: People, provider: OidcProvider) -> None:
    who = ada("ada-2")
    squatter = await people.register("ada-2@example.com")
    owner = person("ada-2@example.com", await come(people, provider, who))
    assert owner.member == squatter.member
    await people.until_out(squatter)
    for body, path in (
        ({"refresh_token": squatter.refresh}, "/api/auth/refresh"),
        ({"email": "ada-2@example.com", "password": PASSWORD}, "/api/auth/login"),
    ):
        assert (await people.post(path, body)).status_code == 401
    params = {"removed": True}

    async def told() -> bool:
        (me,) = (await people.call("GET", "/api/members", as_=owner, params=params)).json()["data"]
        return (me["has_password"], me["has_identity"]) == (False, True)

    await until(told, what="the list tells how she logs in")
    again = person("ada-2@example.com", await come(people, provider, who))
    assert (await people.call("GET", "/api/auth/me", as_=owner)).status_code == 200, "later logins end nothing"
    assert again.member == owner.member


def _without(name: str) -> Any:
    return lambda claims: {key: value for key, value in claims.items() if key != name}


def _none(claims: Claims, _key: rsa.RSAPrivateKey, kid: str) -> str:
    return jwt.encode(claims, "", algorithm="none", headers={"kid": kid})


def _foreign(claims: Claims, _key: rsa.RSAPrivateKey, kid: str) -> str:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(claims, other, algorithm="RS256", headers={"kid": kid})


def _shared(claims: Claims, _key: rsa.RSAPrivateKey, kid: str) -> str:
    return jwt.encode(claims, "a secret that everybody could know", algorithm="HS256", headers={"kid": kid})


CHANGES = {
    "wrong nonce": lambda claims: {**claims, "nonce": "another login's"},
    "no nonce": _without("nonce"),
    "wrong issuer": lambda claims: {**claims, "iss": "https://evil.example.com"},
    "wrong audience": lambda claims: {**claims, "aud": "another client"},
    "several audiences, not for us": lambda claims: {**claims, "aud": ["baton", "another"], "azp": "another"},
    "expired": lambda claims: {**claims, "exp": int(time.time()) - 120},
    "no expiry": _without("exp"),
    "no subject": _without("sub"),
}
FORGERIES = {"alg none": _none, "another's key": _foreign, "a shared secret": _shared}


async def what_proves_nothing_lets_nobody_in(people: People, provider: OidcProvider) -> None:
    who = ada("ada-3")
    await invited(people, "ada-3@example.com")
    let_in = []
    for name, change in CHANGES.items():
        provider.change = change
        answer = await come(people, provider, who)
        let_in += [name] if (answer.status_code, answer.json()["code"]) != (401, "oidc_refused") else []
    provider.change = lambda claims: claims
    sign = provider.forge
    for name, forge in FORGERIES.items():
        provider.forge = forge
        answer = await come(people, provider, who)
        let_in += [name] if (answer.status_code, answer.json()["code"]) != (401, "oidc_refused") else []
    provider.forge = sign
    assert let_in == []
    assert provider.key_reads <= 2, "keys that are known are not read for every login"
    for name, change_back in (
        ("another code", {"code": "made-up"}),
        ("a state of nobody's", {"state": "made-up"}),
    ):
        provider.who = who
        back = await provider.log_in(await begun(people))
        assert (await people.post("/api/auth/oidc/callback", {**back, **change_back})).status_code == 401, name
    provider.who = who
    back = await provider.log_in(await begun(people))
    assert (await people.call("GET", "/api/auth/oidc/callback", params=back)).status_code == 200
    replayed = await people.post("/api/auth/oidc/callback", back)
    assert (replayed.status_code, problem(replayed)["code"]) == (401, "invalid_state")


async def test_the_providers_word_is_taken_for_what_it_proves_and_for_nothing_else(
    nats_url: str, database: str
) -> None:
    async with a_stack(nats_url, database) as (people, provider):
        await the_invited_and_members_come_in_and_nobody_else(people, provider)
        await the_first_login_by_the_provider_ends_what_came_before_it(people, provider)
        await what_proves_nothing_lets_nobody_in(people, provider)
        provider.who = ada("ada-4")
        mine, other = [await provider.log_in(await begun(people)) for _ in range(2)]
        mixed = await people.post("/api/auth/oidc/callback", {"code": other["code"], "state": mine["state"]})
        assert (mixed.status_code, problem(mixed)["code"]) == (401, "oidc_refused"), "PKCE"


async def test_another_issuers_word_and_an_address_of_ours_are_refused() -> None:
    async with an_oidc_provider() as provider, GuardedClient(allow=loopback_only) as ours, GuardedClient() as guarded:

        def found_by(client: GuardedClient) -> OpenIdProvider:
            return OpenIdProvider(
                client=client, issuer=provider.issuer, client_id="x", client_secret="x", redirect_url="https://x"
            )

        async def asked(client: GuardedClient) -> str:
            return await found_by(client).authorization_url(state="s", nonce="n", challenge="c")

        assert (await asked(ours)).startswith(provider.issuer)
        with pytest.raises(ProviderUnavailable):
            await asked(guarded)
        provider.told_issuer = "https://evil.example.com"
        with pytest.raises(ProviderUnavailable):
            await asked(ours)
