"""A session's providers: with its customer's own keys where there are any, else with the deployment's.

The dispatch says where the customer has a key, and config opens it, once, at the claim. While config does not answer,
sessions of customers without keys of their own go on as ever; one that needs such a key ends instead of using the
deployment's, which would be paid by somebody else than the customer was told (ADR 18). The deployment's are those of
this process' environment, or in their place those that operators have given to config; while that does not answer, the
environment's do.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from chassis.nats.connection import Client
from chassis.nats.requests import NoAnswer, RequestRefused, ask
from contracts.commands.jobs import JobMetadata
from contracts.commands.secrets import OpenProviderCredentials, ProviderCredentialsOpened
from contracts.ids import DEPLOYMENT
from contracts.subjects import PROVIDER_CREDENTIALS
from runtime.adapters.models import Providers

log = structlog.get_logger()

PATIENCE_S = 10.0
"""How long the participant may wait for a config that restarts."""

_ASK_S = 2.0
_PAUSE_S = 0.25

AskForCredentials = Callable[[OpenProviderCredentials], Awaitable[ProviderCredentialsOpened]]
"""How config is asked; over NATS in a job, a function in tests. Raises CredentialsUnavailable."""


class CredentialsUnavailable(Exception):
    """The customer has keys of its own, and they cannot be had now."""

    code = "provider_credentials_unavailable"


async def providers_of(metadata: JobMetadata, *, deployment: Providers, ask: AskForCredentials) -> Providers:
    """Where a session's models are, and with which keys; raises CredentialsUnavailable."""
    deployment = await _kept(metadata, deployment, ask)
    if not metadata.own_providers:
        return deployment
    question = OpenProviderCredentials(customer=metadata.customer, providers=metadata.own_providers)
    opened = await ask(question)
    if opened.unusable:
        log.error("provider_credentials_unusable", providers=opened.unusable)
        raise CredentialsUnavailable
    return deployment.with_keys(opened.credentials, payer="customer")


async def _kept(metadata: JobMetadata, deployment: Providers, ask: AskForCredentials) -> Providers:
    """The deployment's, with what operators gave to config: another key of the same payer, so both may stand in."""
    wanted = [provider for provider in metadata.deployment_providers if provider not in metadata.own_providers]
    if not wanted:
        return deployment
    try:
        async with asyncio.timeout(_ASK_S):
            opened = await ask(OpenProviderCredentials(customer=DEPLOYMENT, providers=wanted))
    except (TimeoutError, CredentialsUnavailable):
        log.warning("deployment_credentials_not_opened", providers=wanted)
        return deployment
    return deployment.with_keys(opened.credentials, payer="deployment")


def asking_for_credentials(client: Client, *, patience_s: float = PATIENCE_S) -> AskForCredentials:
    """Asks config over NATS, again and again within `patience_s`."""

    async def ask_config(question: OpenProviderCredentials) -> ProviderCredentialsOpened:
        deadline = asyncio.get_running_loop().time() + patience_s
        while True:
            try:
                return await ask(client, PROVIDER_CREDENTIALS, question, ProviderCredentialsOpened, timeout_s=_ASK_S)
            except (NoAnswer, RequestRefused) as error:
                log.warning("credentials_not_opened", why=type(error).__name__)
                if asyncio.get_running_loop().time() + _PAUSE_S >= deadline:
                    raise CredentialsUnavailable from error
            await asyncio.sleep(_PAUSE_S)

    return ask_config
