"""Asking config for tools' secrets, over a real NATS."""

import pytest

from chassis.nats.connection import connect
from chassis.nats.requests import serve
from contracts.commands.secrets import OpenToolSecrets, ToolSecretsAnswer, ToolSecretsOpened, ToolSecretsRefused
from contracts.ids import CustomerId, VersionHash
from contracts.subjects import TOOL_SECRETS
from runtime.adapters.outside import SecretsOutOfReach, asking_config

pytestmark = pytest.mark.integration

QUESTION = OpenToolSecrets(customer=CustomerId("acme"), version=VersionHash("0" * 64))


async def test_while_nobody_serves_the_secrets_are_out_of_reach_at_once(nats_url: str) -> None:
    async with connect(nats_url, name="test") as client:
        with pytest.raises(SecretsOutOfReach):
            await asking_config(client)(QUESTION)


@pytest.mark.parametrize(
    "answer", [ToolSecretsOpened(keys={"look_up": bytes(range(32))}), ToolSecretsRefused(why="no")]
)
async def test_config_is_asked_and_its_answer_is_taken(nats_url: str, answer: ToolSecretsAnswer) -> None:
    asked: list[OpenToolSecrets] = []

    async def config(question: OpenToolSecrets) -> ToolSecretsAnswer:
        asked.append(question)
        return answer

    async with (
        connect(nats_url, name="test") as client,
        await serve(client, TOOL_SECRETS, OpenToolSecrets, config, queue="config"),
    ):
        assert await asking_config(client)(QUESTION) == answer
    assert asked == [QUESTION]


async def test_a_config_that_breaks_is_out_of_reach(nats_url: str) -> None:
    async def broken(_question: OpenToolSecrets) -> ToolSecretsAnswer:
        raise RuntimeError("secret words")

    async with (
        connect(nats_url, name="test") as client,
        await serve(client, TOOL_SECRETS, OpenToolSecrets, broken, queue="config"),
    ):
        with pytest.raises(SecretsOutOfReach):
            await asking_config(client)(QUESTION)
