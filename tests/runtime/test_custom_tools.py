"""A customer's own tools in a call: checked, recorded, signed, bounded, and no worse than unavailable."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from livekit.agents.llm import ChatContext
from tests.support.listeners import Listener, Talk, answering, listening
from tests.support.runtime_calls import ACall, a_call
from tests.support.runtime_sessions import a_version
from tests.support.scripted_models import Reply, Script, call

from chassis.guarded_http import GuardedClient
from contracts.commands.jobs import JobMetadata
from contracts.commands.secrets import OpenToolSecrets, ToolSecretsAnswer, ToolSecretsOpened, ToolSecretsRefused
from contracts.custom_tool import CustomTool
from contracts.events.tool import ToolArguments, ToolCalled, ToolFailed, ToolMessage, ToolResult
from contracts.events.usage import ToolCallUsed
from contracts.template_version import TemplateVersion, VersionAgent
from runtime.adapters.outside import Outside, SecretsOutOfReach, ToolSecrets
from runtime.tools import execution

pytestmark = pytest.mark.unit

KEY = b"canary-key-of-thirty-two-bytes--"
PARAMETERS: dict[str, object] = {
    "type": "object",
    "properties": {"order": {"type": "string", "maxLength": 20}},
    "required": ["order"],
    "additionalProperties": False,
}


class Config:
    """Answers for config, and counts how often it was asked."""

    def __init__(self, answer: ToolSecretsAnswer | Exception | None = None) -> None:
        self.answer, self.asked = answer or ToolSecretsOpened(keys={"look_up": KEY}), 0

    async def __call__(self, _question: OpenToolSecrets) -> ToolSecretsAnswer:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def with_tool(peer: Listener | None, **changes: Any) -> TemplateVersion:
    url = f"http://127.0.0.1:{peer.port}/orders" if peer else "https://tools.example.com/"
    fields: dict[str, Any] = {"description": "Looks up.", "parameters": PARAMETERS, "url": url, **changes}
    version = a_version()
    triage = msgspec.structs.replace(version.agents[0].definition, tools=["look_up", "end_session"])
    agents = [VersionAgent(id=version.agents[0].id, definition=triage), *version.agents[1:]]
    return msgspec.structs.replace(version, agents=agents, tools={"look_up": CustomTool(**fields)})


def reaching(config: Config, *, loopback: bool = True) -> Callable[[JobMetadata], Outside]:
    def outside(metadata: JobMetadata) -> Outside:
        return Outside(
            client=GuardedClient(allow=(lambda address, _port: address.is_loopback) if loopback else None),
            secrets=ToolSecrets(ask=config, metadata=metadata),
            session=metadata.session,
            livemode=metadata.livemode,
        )

    return outside


def calling(arguments: dict[str, Any], *, times: int = 1) -> tuple[Script, list[str]]:
    """A model that calls the tool each time it is spoken to, and says what came of it."""
    results: list[str] = []
    calls = iter(range(1, times + 1))

    def script(context: ChatContext, tools: list[str]) -> Reply:
        assert "look_up" in tools
        last = context.items[-1]
        if last.type == "function_call_output":
            results.append(last.output)
            return "Done."
        return [call("look_up", json.dumps(arguments), id=f"call_{next(calls)}")]

    return script, results


async def one_call(
    talk: Talk,
    *,
    arguments: dict[str, Any] | None = None,
    config: Config | None = None,
    loopback: bool = True,
    **tool: Any,
) -> tuple[ACall, str, Listener]:
    """A session in which the tool is called once; what the model was given, and what the tool was asked."""
    script, results = calling(arguments if arguments is not None else {"order": "A1"})
    async with listening(talk) as peer:
        outside = reaching(config or Config(), loopback=loopback)
        async with a_call(script, version=with_tool(peer, **tool), outside=outside) as talking:
            await talking.talk.say("Where is my order A1?")
    return talking, results[0], peer


async def failure(talking: ACall) -> str:
    ((failed, message),) = await talking.facts("tool.failed")
    assert isinstance(failed, ToolFailed)
    assert isinstance(message, ToolMessage)
    assert await talking.facts("tool.completed") == []
    return failed.code


def headers_of(request: bytes) -> dict[str, str]:
    lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}


async def test_a_call_is_signed_recorded_metered_and_its_answer_given_to_the_model() -> None:
    talking, result, peer = await one_call(answering(body=b'{"total": 12}'))
    assert json.loads(result) == {"result": {"total": 12}}
    headers, body = headers_of(peer.requests[0]), peer.requests[0].partition(b"\r\n\r\n")[2]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["idempotency-key"] == headers["webhook-id"] == f"{talking.session.metadata.session}_call_1"
    told = json.loads(body)
    assert (told["tool"], told["arguments"], told["agent_id"]) == ("look_up", {"order": "A1"}, "triage")
    ((called, arguments),) = await talking.facts("tool.called")
    assert isinstance(called, ToolCalled)
    assert (called.side_effects, called.idempotent) == (True, False)
    assert arguments == ToolArguments(arguments='{"order":"A1"}')
    assert [personal for _, personal in await talking.facts("tool.completed")] == [ToolResult(result=result)]
    ((used, _),) = await talking.facts("usage.tool_call")
    assert isinstance(used, ToolCallUsed)
    assert (used.provider, used.model, used.quantities) == ("127.0.0.1", "look_up", {"calls": 1})


@pytest.mark.parametrize("arguments", [{}, {"order": 1}, {"order": "x" * 21}, {"order": "1", "customer": "other"}])
async def test_arguments_that_break_the_schema_never_leave(arguments: dict[str, Any]) -> None:
    talking, result, peer = await one_call(answering(), arguments=arguments)
    assert "invalid arguments" in result
    assert await failure(talking) == "invalid_arguments"
    assert peer.connections == 0


@pytest.mark.parametrize("text", ["a\r\nX-Evil: 1", "../../etc/passwd", "https://evil.x/", "x;y|z\\0"])
async def test_arguments_change_nothing_but_the_body(text: str) -> None:
    _, _, peer = await one_call(answering(), arguments={"order": text})
    assert peer.requests[0].startswith(b"POST /orders HTTP/1.1\r\n")
    assert "x-evil" not in headers_of(peer.requests[0])
    assert json.loads(peer.requests[0].partition(b"\r\n\r\n")[2])["arguments"] == {"order": text}


async def silent(_request: bytes, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("talk", "code"),
    [
        (silent, "timeout"),
        (answering("500 No", body=b"secret inside"), "http_error"),
        (answering("302 Found", headers="Location: http://127.0.0.1/\r\n"), "http_error"),
        (answering(body=b"x" * 300_000), "answer_too_large"),
        (answering(body=b"\xff\xfe"), "answer_refused"),
        (answering(headers="Content-Encoding: gzip\r\n"), "answer_refused"),
    ],
    ids=["silent", "500", "redirect", "huge", "binary", "encoded"],
)
async def test_a_tool_that_fails_is_an_error_to_the_model_and_the_call_goes_on(talk: Talk, code: str) -> None:
    talking, result, peer = await one_call(talk, timeout_s=1)
    assert await failure(talking) == code
    assert "secret inside" not in result
    assert talking.talk.said[-1] == "Done."
    assert len(peer.requests) == 1
    assert len(await talking.facts("usage.tool_call")) == 1


async def test_production_reaches_no_address_of_this_machine_and_the_model_is_told_none() -> None:
    talking, result, peer = await one_call(answering(), loopback=False)
    assert await failure(talking) == "address_refused"
    assert "127.0.0.1" not in result
    assert peer.connections == 0
    assert await talking.facts("usage.tool_call") == []


async def test_a_long_answer_is_cut_for_the_model() -> None:
    _, result, _ = await one_call(answering(body=b"y" * 100_000))
    told = json.loads(result)
    assert (len(told["result"]), told["truncated"]) == (16_000, True)


async def test_only_an_idempotent_tool_is_called_again() -> None:
    for idempotent, times in ((True, 3), (False, 1)):
        talking, _, peer = await one_call(answering("503 No"), idempotent=idempotent)
        assert len(peer.requests) == times
        assert len({headers_of(request)["idempotency-key"] for request in peer.requests}) == 1
        ((called, _),) = await talking.facts("tool.called")
        assert isinstance(called, ToolCalled)
        assert called.idempotent is idempotent


@pytest.mark.parametrize(
    "answer",
    [SecretsOutOfReach(), ToolSecretsRefused(why="no"), ToolSecretsOpened(keys={})],
    ids=["down", "refused", "missing"],
)
async def test_without_its_secret_a_tool_is_unavailable_and_the_call_goes_on(answer: Any) -> None:
    talking, _, peer = await one_call(answering(), config=Config(answer))
    assert await failure(talking) == "unavailable"
    assert talking.talk.said[-1] == "Done."
    assert peer.connections == 0


async def test_secrets_are_asked_for_once_and_again_only_while_config_was_down() -> None:
    config = Config(SecretsOutOfReach())
    script, results = calling({"order": "A1"}, times=4)
    async with listening(answering()) as peer:
        async with a_call(script, version=with_tool(peer), outside=reaching(config)) as talking:
            await talking.talk.say("One.")
            config.answer = ToolSecretsOpened(keys={"look_up": KEY})
            for text in ("Two.", "Three.", "Four."):
                await talking.talk.say(text)
        assert (config.asked, len(peer.requests)) == (2, 3)
    assert len(results) == 4


async def test_nothing_leaves_before_the_log_has_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object, **__: object) -> bool:
        return False

    script, _ = calling({"order": "A1"})
    async with listening(answering()) as peer:
        async with a_call(script, version=with_tool(peer), outside=reaching(Config())) as talking:
            monkeypatch.setattr(talking.talk.conversation._recorder, "acked", never)
            await talking.talk.say("Where is my order?")
        assert peer.connections == 0
    assert await failure(talking) == "not_executed"
    assert execution.ACK_S <= 2


async def test_no_secret_is_in_the_log_in_the_prompt_or_in_what_is_logged(capfd: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []

    def script(context: ChatContext, _tools: list[str]) -> Reply:
        seen.append(json.dumps(context.to_dict()))
        return "Done." if context.items[-1].type == "function_call_output" else [call("look_up", '{"order": "A1"}')]

    async with (
        listening(answering("500 No")) as peer,
        a_call(script, version=with_tool(peer), outside=reaching(Config())) as talking,
    ):
        await talking.talk.say("Where is it?")
    stored = [msgspec.json.encode(event).decode() for event in await talking.events()]
    opened = [repr(fact) for kind in ("tool.called", "tool.failed") for fact in await talking.facts(kind)]
    out = capfd.readouterr()
    for canary in (KEY.decode(), base64.b64encode(KEY).decode()):
        assert not any(canary in text for text in (*seen, *stored, *opened, out.out, out.err))
