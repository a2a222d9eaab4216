"""The real OpenAI plugin against the simulator."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from livekit.agents import APIConnectionError, APIStatusError, llm
from livekit.agents.llm import function_tool
from livekit.agents.types import APIConnectOptions
from livekit.plugins import openai

from simulators import Scenario, Simulators
from simulators.scenario import Fault, Rule

pytestmark = pytest.mark.unit

ONCE = APIConnectOptions(max_retry=0, timeout=5.0)
EXPERT = "You are a coding expert."


@function_tool
async def open_coding_ide(language: str, initial_code: str, instructions: str) -> str:
    """Open the editor."""
    return "{}"


@function_tool
async def read_code() -> str:
    """Read the code."""
    return "{}"


@function_tool
async def highlight_code_lines(lines: list[int]) -> str:
    """Highlight lines."""
    return "{}"


TOOLS: list[llm.Tool] = [open_coding_ide, read_code, highlight_code_lines]


@asynccontextmanager
async def a_model(simulators: Simulators) -> AsyncIterator[openai.LLM]:
    model = openai.LLM(model="gpt-4.1", base_url=simulators.openai_base_url, api_key="k", max_retries=0)
    try:
        yield model
    finally:
        await model.aclose()


async def ask(
    simulators: Simulators,
    build: Callable[[llm.ChatContext], None],
    *,
    tools: list[llm.Tool] | None = None,
    **more: object,
) -> tuple[list[llm.ChatChunk], llm.CollectedResponse]:
    context = llm.ChatContext.empty()
    build(context)
    async with a_model(simulators) as model:
        stream = model.chat(chat_ctx=context, tools=tools or [], conn_options=ONCE, **more)  # type: ignore[arg-type]
        async with stream:
            chunks = [chunk async for chunk in stream]
        async with model.chat(chat_ctx=context, tools=tools or [], conn_options=ONCE) as again:
            return chunks, await again.collect()


def a_check(code: str) -> Callable[[llm.ChatContext], None]:
    """The conversation up to the result of read_code."""

    def build(context: llm.ChatContext) -> None:
        context.add_message(role="system", content=EXPERT)
        context.add_message(role="user", content="I think I am done, can you check?")
        result = json.dumps({"rev": 3, "code": code, "language": "python"})
        context.insert(llm.FunctionCall(call_id="c1", name="read_code", arguments="{}"))
        context.insert(llm.FunctionCallOutput(call_id="c1", name="read_code", output=result, is_error=False))

    return build


def greeting(context: llm.ChatContext) -> None:
    context.add_message(role="system", content="You are Triage.")


async def test_text_is_streamed_in_pieces_with_its_usage(simulators: Simulators) -> None:
    chunks, _ = await ask(simulators, greeting)
    texts = [chunk.delta.content for chunk in chunks if chunk.delta and chunk.delta.content]
    assert len(texts) > 3
    assert "".join(texts) == "Hello, this is triage. How can I help you today?"
    usage = next(chunk.usage for chunk in chunks if chunk.usage)
    assert usage.completion_tokens == 12
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


async def test_text_and_a_tool_call_come_in_one_reply(simulators: Simulators) -> None:
    _, reply = await ask(simulators, lambda context: context.insert(_system(EXPERT)), tools=TOOLS)
    assert reply.text.startswith("Hello, I am the coding expert.")
    [call] = reply.tool_calls
    arguments = json.loads(call.arguments)
    assert call.name == "open_coding_ide"
    assert arguments["initial_code"].startswith("def total(values):\n    result = 0\n")


@pytest.mark.parametrize(("code", "line"), [("a\nfor i in range(n + 1):\n", 2), ("\n\n\n  range(n+1)", 4)])
async def test_another_edit_yields_another_line(simulators: Simulators, code: str, line: int) -> None:
    _, reply = await ask(simulators, a_check(code), tools=TOOLS)
    assert [(call.name, json.loads(call.arguments)) for call in reply.tool_calls] == [
        ("highlight_code_lines", {"lines": [line]})
    ]


async def test_code_without_the_error_looks_right(simulators: Simulators) -> None:
    _, reply = await ask(simulators, a_check("for i in range(n):\n"), tools=TOOLS)
    assert (reply.tool_calls, reply.text) == ([], "I have read your code, and it looks right. Well done.")


async def test_what_was_asked_is_logged_with_its_trace(simulators: Simulators) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await ask(simulators, a_check("x"), tools=TOOLS, extra_kwargs={"extra_headers": {"traceparent": trace}})
    first, second = simulators.requests.of("openai")
    assert (first.traceparent, second.traceparent) == (trace, None)
    assert (first.model, first.rule, first.message_count) == ("gpt-4.1", "expert-found-nothing", 4)
    assert first.roles == ("system", "user", "assistant", "tool")
    assert set(first.tools) == {"open_coding_ide", "read_code", "highlight_code_lines"}
    assert (first.number, second.number, simulators.requests.total) == (1, 2, 2)


async def test_a_reply_without_streaming_is_the_same(simulators: Simulators, http: aiohttp.ClientSession) -> None:
    url, key = f"{simulators.openai_base_url}/chat/completions", {"Authorization": "Bearer k"}
    body = {"model": "m", "messages": [{"role": "system", "content": "You are Triage."}]}
    async with http.post(url, json=body, headers=key) as response:
        reply = await response.json()
    assert reply["choices"][0]["message"]["content"] == "Hello, this is triage. How can I help you today?"
    assert reply["usage"]["completion_tokens"] == 12


async def test_bad_requests_are_refused_and_not_logged(simulators: Simulators, http: aiohttp.ClientSession) -> None:
    url, key = f"{simulators.openai_base_url}/chat/completions", {"Authorization": "Bearer k"}
    async with http.post(url, json={"model": "m"}, headers=key) as response:
        assert response.status == 400
        assert "messages" in (await response.json())["error"]["message"]
    async with http.post(url, json={}) as response:
        assert response.status == 401
    assert len(simulators.requests) == 0


async def test_a_fault_strikes_as_often_as_it_says() -> None:
    scenario = Scenario(rules=(Rule(name="busy", text="Now I can.", fault=Fault(status=429, times=1)),))
    async with Simulators(scenario=scenario) as simulators:
        with pytest.raises(APIStatusError) as caught:
            await ask(simulators, greeting)
        assert caught.value.status_code == 429
        assert (await ask(simulators, greeting))[1].text == "Now I can."


async def test_a_reply_can_be_late() -> None:
    scenario = Scenario(rules=(Rule(name="slow", text="At last.", fault=Fault(hang_s=0.05, times=1)),))
    async with Simulators(scenario=scenario) as simulators:
        started = asyncio.get_running_loop().time()
        _, reply = await ask(simulators, greeting)
        assert asyncio.get_running_loop().time() - started >= 0.05
    assert reply.text == "At last."


async def test_a_stream_can_be_cut_in_the_middle() -> None:
    scenario = Scenario(rules=(Rule(name="cut", text="one two three", fault=Fault(drop_after=2)),))
    async with Simulators(scenario=scenario) as simulators:
        with pytest.raises(APIConnectionError):
            await ask(simulators, greeting)


def _system(text: str) -> llm.ChatMessage:
    return llm.ChatMessage(role="system", content=[text])
