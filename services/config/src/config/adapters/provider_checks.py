"""Whether a provider takes a key: the cheapest request that needs one, at each provider's own wire, billed nowhere.

OpenAI lists its models (https://platform.openai.com/docs/api-reference/models/list), Deepgram says what it knows of the
key (https://developers.deepgram.com/docs/authenticating), Cartesia lists a voice
(https://docs.cartesia.ai/api-reference/voices/list). Calls are guarded: a base URL is what a customer wrote.
"""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple, assert_never

import msgspec

from chassis.errors import FieldError, InvalidInput, Refusal
from chassis.guarded_http import AddressRefused, GuardedClient, GuardedFault
from contracts.providers import ADDRESSES, ProviderName

CHECK_S = 8.0
MAX_ANSWER = 1024 * 1024
_CARTESIA_VERSION = "2025-04-16"


class CredentialRefused(InvalidInput):
    """The provider says that the key is not good, or not for this."""

    code, title = "credential_refused", "The provider refuses the key"


class ProviderOutOfReach(Refusal):
    """The provider did not say whether the key is good. Not our part being out of reach, hence no 503."""

    status, code, title = 424, "provider_out_of_reach", "The provider gave no answer by which to judge the key"


class Question(NamedTuple):
    """One GET."""

    url: str
    headers: dict[str, str]


class ProviderChecks:
    """`addresses` are where providers are, other than at their own addresses."""

    def __init__(self, *, client: GuardedClient, addresses: Mapping[ProviderName, str]) -> None:
        self._client, self._addresses = client, {**ADDRESSES, **addresses}

    def address(self, provider: ProviderName, base_url: str) -> str:
        """Where a key is used: what its owner says, else where the provider is."""
        return base_url or self._addresses[provider]

    async def check(self, provider: ProviderName, *, key: str, base_url: str) -> None:
        """Raises CredentialRefused, ProviderOutOfReach, and InvalidInput for an address that may not be reached."""
        asked = question(provider, self.address(provider, base_url), key)
        try:
            async with (
                asyncio.timeout(CHECK_S),
                self._client.stream("GET", asked.url, headers=asked.headers, timeout_s=CHECK_S) as answer,
            ):
                status, body = answer.status, await answer.body(MAX_ANSWER)
        except AddressRefused as refused:
            where = FieldError("/base_url", "url_refused", str(refused))
            raise InvalidInput("the base URL may not be reached", errors=[where]) from refused
        except GuardedFault as fault:
            raise ProviderOutOfReach(f"{provider} did not answer: {fault}") from fault
        except TimeoutError as late:
            raise ProviderOutOfReach(f"{provider} gave no whole answer in {CHECK_S:g} s") from late
        _judge(provider, status, body)


def question(provider: ProviderName, base_url: str, key: str) -> Question:
    """What is asked of a provider."""
    match provider:
        case "openai":
            return Question(f"{base_url}/models", {"Authorization": f"Bearer {key}"})
        case "deepgram":
            return Question(f"{base_url.removesuffix('/listen')}/auth/token", {"Authorization": f"Token {key}"})
        case "cartesia":
            return Question(f"{base_url}/voices?limit=1", {"X-API-Key": key, "Cartesia-Version": _CARTESIA_VERSION})
        case _:
            assert_never(provider)


def _judge(provider: ProviderName, status: int, body: bytes) -> None:
    if status in (401, 403):
        detail = f"{provider} answered with the status {status}"
        raise CredentialRefused(detail, errors=[FieldError("/key", CredentialRefused.code, detail)])
    if status != 200:
        raise ProviderOutOfReach(f"{provider} answered with the status {status}")
    try:
        msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ProviderOutOfReach(f"what answers there does not answer as {provider} does") from error
