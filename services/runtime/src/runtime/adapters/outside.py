"""What a session's custom tools need of the world outside: a guarded client, and the secrets that sign their calls.

Secrets are asked for once, when the first tool needs one, and live in this process only. While nobody answers, tools
fail and the call goes on.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from chassis.guarded_http import GuardedClient
from chassis.nats.connection import Client
from chassis.nats.requests import NoAnswer, RequestRefused, ask
from contracts.commands.jobs import JobMetadata
from contracts.commands.secrets import OpenToolSecrets, ToolSecretsAnswer, ToolSecretsOpened
from contracts.ids import SessionId
from contracts.subjects import TOOL_SECRETS

log = structlog.get_logger()

SECRETS_S = 3.0

AskForToolSecrets = Callable[[OpenToolSecrets], Awaitable[ToolSecretsAnswer]]
"""How config is asked; over NATS in a job, a function in tests. Raises SecretsOutOfReach."""


class SecretsOutOfReach(Exception):
    """Config does not answer now."""

    code = "secrets_out_of_reach"


class ToolSecrets:
    """The keys of one session's own tools."""

    def __init__(self, *, ask: AskForToolSecrets, metadata: JobMetadata) -> None:
        self._ask = ask
        self._question = OpenToolSecrets(customer=metadata.customer, version=metadata.version)
        self._keys: dict[str, bytes] | None = None
        self._lock = asyncio.Lock()

    async def key(self, tool: str) -> bytes | None:
        """The key of a tool; None where it has none, or this session may not have it. Raises SecretsOutOfReach."""
        async with self._lock:
            if self._keys is None:
                answer = await self._ask(self._question)
                if not isinstance(answer, ToolSecretsOpened):
                    log.error("tool_secrets_refused", why=answer.why)
                self._keys = answer.keys if isinstance(answer, ToolSecretsOpened) else {}
            return self._keys.get(tool)


class Outside(msgspec.Struct, frozen=True, kw_only=True):
    """Of one session; nothing in it may be logged."""

    client: GuardedClient
    secrets: ToolSecrets
    session: SessionId
    livemode: bool


def asking_config(client: Client) -> AskForToolSecrets:
    """Asks config over NATS, at most SECRETS_S."""

    async def ask_config(question: OpenToolSecrets) -> ToolSecretsAnswer:
        try:
            answer: ToolSecretsAnswer = await ask(
                client, TOOL_SECRETS, question, ToolSecretsAnswer, timeout_s=SECRETS_S
            )
        except (NoAnswer, RequestRefused) as error:
            raise SecretsOutOfReach from error
        return answer

    return ask_config
