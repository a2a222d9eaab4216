"""The rule engine on made-up requests, and the rules of the demo on the requests of its call."""

import json

import msgspec
import pytest

from simulators.conversation import BadRequest, ChatRequest, decode
from simulators.rules import OTHERWISE, Reply, reply_to, usage_of
from simulators.scenario import Capture, Range, Rule, Scenario, ToolCall, ToolResult, When

pytestmark = pytest.mark.unit

TRIAGE = "You are Triage. Hand over to the coding expert with transfer_to_coding_expert."
EXPERT = "You are a coding expert. Triage has sent you this user."
TRIAGE_TOOLS = ["transfer_to_coding_expert", "end_session"]
EXPERT_TOOLS = ["open_coding_ide", "read_code", "highlight_code_lines", "close_panel", "end_session"]
CODE = "def total(values):\n    result = 0\n    for i in range(len(values) + 1):\n        result += values[i]\n"


def a_request(*messages: dict[str, object], tools: list[str] | None = None, **more: object) -> ChatRequest:
    offered = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in tools or []]
    return decode(msgspec.json.encode({"model": "gpt-4.1", "messages": messages, "tools": offered} | more))


def system(text: str) -> dict[str, object]:
    return {"role": "system", "content": text}


def user(text: str) -> dict[str, object]:
    return {"role": "user", "content": text}


def called(tool: str, result: str, call_id: str = "c1") -> list[dict[str, object]]:
    call = {"id": call_id, "type": "function", "function": {"name": tool, "arguments": "{}"}}
    return [
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call_id, "content": result},
    ]


def answer(request: ChatRequest, **rule: object) -> Reply:
    return reply_to(request, Scenario(rules=(msgspec.convert({"name": "it", "text": "yes"} | rule, Rule),)))


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        (When(), True),
        (When(system="(?i)TRIAGE"), True),
        (When(system="pirate"), False),
        (When(user="^Hello$"), True),
        (When(user="bye"), False),
        (When(instruction="Greet"), False),
        (When(last_role="user"), True),
        (When(last_role="tool"), False),
        (When(model=r"^gpt-4\.1$"), True),
        (When(model="mini"), False),
        (When(tools=("end_session",)), True),
        (When(tools=("end_session", "read_code")), False),
        (When(without_tools=("read_code",)), True),
        (When(without_tools=("end_session",)), False),
        (When(calls={"read_code": Range(max=0)}), True),
        (When(calls={"read_code": Range(min=1)}), False),
        (When(turns=Range(min=1, max=1)), True),
        (When(turns=Range(min=2)), False),
        (When(result=ToolResult("read_code")), False),
    ],
)
def test_each_condition_holds_or_not(when: When, holds: bool) -> None:
    request = a_request(system(TRIAGE), user("Hello"), tools=TRIAGE_TOOLS)
    reply = reply_to(request, Scenario(rules=(Rule(name="it", when=when, text="yes"),)))
    assert (reply.rule == "it") is holds


def test_an_unmatched_request_gets_the_polite_reply() -> None:
    reply = reply_to(a_request(user("Hello")), Scenario())
    assert (reply.rule, reply.text) == (OTHERWISE, Scenario().otherwise)


def test_the_first_rule_that_matches_wins() -> None:
    rules = (Rule(name="no", when=When(user="bye")), Rule(name="one"), Rule(name="two"))
    assert reply_to(a_request(user("Hello")), Scenario(rules=rules)).rule == "one"


def test_an_instruction_is_a_last_system_message_and_the_user_before_it_still_waits() -> None:
    request = a_request(system(EXPERT), user("Hello"), system("Greet the user."))
    assert answer(request, when={"instruction": "Greet", "user": "Hello"}).rule == "it"
    assert answer(a_request(system("Greet")), when={"instruction": "Greet"}).rule == OTHERWISE


def test_the_result_of_a_tool_is_known_by_name_and_text() -> None:
    request = a_request(user("x"), *called("a", "one", "1"), *called("b", "two", "2"))
    assert answer(request, when={"result": {"tool": "b", "matches": "^two$"}}).rule == "it"
    assert answer(request, when={"result": {"tool": "b", "matches": "one"}}).rule == OTHERWISE
    assert answer(request, when={"result": {"tool": "a"}}).rule == OTHERWISE  # answered long ago


def test_a_rule_that_calls_a_tool_is_passed_over_where_the_tool_may_not_be_called() -> None:
    calls = [{"tool": "read_code"}]
    asked = user("check")
    assert answer(a_request(asked, tools=["read_code"]), calls=calls).rule == "it"
    assert answer(a_request(asked), calls=calls).rule == OTHERWISE
    assert answer(a_request(asked, tools=["read_code"], tool_choice="none"), calls=calls).rule == OTHERWISE
    forced = {"type": "function", "function": {"name": "other"}}
    assert answer(a_request(asked, tools=["read_code", "other"], tool_choice=forced), calls=calls).rule == OTHERWISE
    assert answer(a_request(asked, tools=["read_code"], tool_choice="required")).rule == OTHERWISE


def test_captures_fill_texts_and_arguments_and_a_lone_number_stays_a_number() -> None:
    rule = Rule(
        name="it",
        captures={
            "line": Capture(source="last_result", key="code", line_of="range"),
            "name": Capture(source="last_user", regex=r"called (\w+)"),
        },
        text="${name}: line ${line}",
        calls=(ToolCall("mark", {"lines": ["${line}"], "note": {"by": "${name}, ${line}"}}),),
    )
    result = json.dumps({"rev": 3, "state": {"code": CODE}})
    request = a_request(user("it is called total"), *called("read_code", result), tools=["mark"])
    reply = reply_to(request, Scenario(rules=(rule,)))
    assert reply.text == "total: line 3"
    assert reply.calls[0].arguments == {"lines": [3], "note": {"by": "total, 3"}}


def test_a_rule_whose_capture_finds_nothing_does_not_match() -> None:
    capture = {"n": {"source": "last_result", "tool": "read_code", "line_of": "zzz"}}
    assert answer(a_request(user("x"), *called("read_code", "a")), captures=capture).rule == OTHERWISE
    assert answer(a_request(user("x")), captures=capture).rule == OTHERWISE


def test_usage_is_counted_from_lengths_alone() -> None:
    request = a_request(user("a" * 40))
    first, second = (usage_of(request, Reply(rule="it", text="b" * 20)) for _ in range(2))
    assert first == second
    assert (first.prompt_tokens, first.completion_tokens) == (14, 5)


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"model":"m","messages":[]}', b'{"model":"m","messages":[{"role":"x"}]}']
)
def test_a_body_that_is_no_chat_request_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        decode(body)


# The demo call


def said(demo: Scenario, *messages: dict[str, object], tools: list[str], **more: object) -> Reply:
    return reply_to(a_request(*messages, tools=tools, **more), demo)


def test_triage_greets_and_transfers_although_its_instructions_speak_of_the_expert(demo: Scenario) -> None:
    greeting = said(demo, system(TRIAGE), system("Greet the user."), tools=TRIAGE_TOOLS)
    assert (greeting.rule, greeting.calls) == ("triage-greets", ())
    asked = user("Hi, I need help with my Python code.")
    reply = said(demo, system(TRIAGE), asked, tools=TRIAGE_TOOLS)
    assert [call.tool for call in reply.calls] == ["transfer_to_coding_expert"]


@pytest.mark.parametrize("before", [[], [user("Hi, I need help with my Python code.")]])
@pytest.mark.parametrize("instruction", [[], [system("Greet the user briefly.")]])
def test_the_expert_greets_and_opens_the_editor_once(
    demo: Scenario, before: list[dict[str, object]], instruction: list[dict[str, object]]
) -> None:
    entering = said(demo, system(EXPERT), *before, *instruction, tools=EXPERT_TOOLS)
    assert entering.text.startswith("Hello, I am the coding expert")
    assert [call.tool for call in entering.calls] == ["open_coding_ide"]
    assert entering.calls[0].arguments["language"] == "python"
    opened = called("open_coding_ide", '{"ok": true, "rev": 1}')
    after = said(demo, system(EXPERT), *before, *opened, *instruction, tools=EXPERT_TOOLS)
    assert (after.rule, after.calls) == ("expert-opened", ())
    again = said(demo, system(EXPERT), *opened, user("Can you open an editor for me?"), tools=EXPERT_TOOLS)
    assert (again.rule, again.calls) == ("expert-editor-is-open", ())


def test_the_expert_greets_without_the_tool_where_calls_are_forbidden(demo: Scenario) -> None:
    reply = said(demo, system(EXPERT), tools=EXPERT_TOOLS, tool_choice="none")
    assert (reply.rule, reply.calls) == ("expert-greets", ())


def test_the_expert_opens_the_editor_when_asked(demo: Scenario) -> None:
    reply = said(demo, system(EXPERT), user("Can you open an editor for me?"), tools=EXPERT_TOOLS)
    assert [call.tool for call in reply.calls] == ["open_coding_ide"]


def test_the_expert_finds_the_error_in_the_code_that_it_got(demo: Scenario) -> None:
    asked = [system(EXPERT), *called("open_coding_ide", "{}", "0"), user("I think I am done, can you check?")]
    assert [call.tool for call in said(demo, *asked, tools=EXPERT_TOOLS).calls] == ["read_code"]
    for code, line in ((CODE, 3), ("# mine\n\n" + CODE, 5), ("while i <= len(values):\n", 1)):
        read = [*asked, *called("read_code", json.dumps({"rev": 3, "code": code, "language": "python"}), "1")]
        found = said(demo, *read, tools=EXPERT_TOOLS)
        assert [(call.tool, call.arguments) for call in found.calls] == [("highlight_code_lines", {"lines": [line]})]
        marked = said(demo, *read, *called("highlight_code_lines", "{}", "2"), tools=EXPERT_TOOLS)
        assert marked.text == f"Almost. You have an off by one error on line {line}."
        assert said(demo, *read, tools=["read_code"]).text == marked.text


@pytest.mark.parametrize(
    ("result", "rule"),
    [
        (json.dumps({"code": CODE.replace(" + 1", "")}), "expert-found-nothing"),
        (json.dumps({"code": "# range(len(values) + 1) would be wrong\n"}), "expert-found-nothing"),
        (json.dumps({"code": ""}), "expert-read-nothing"),
        (json.dumps({"error": "not open"}), "expert-read-nothing"),
        (CODE, "expert-found-error"),
    ],
)
def test_the_expert_sees_when_there_is_nothing_to_find(demo: Scenario, result: str, rule: str) -> None:
    asked = [system(EXPERT), user("I think I am done, can you check?")]
    assert said(demo, *asked, *called("read_code", result), tools=EXPERT_TOOLS).rule == rule


def test_whatever_the_user_says_is_answered_in_one_breath(demo: Scenario) -> None:
    """Spoken greetings, as the platform has them: from then on each answer is words or calls, and ends in words."""
    history: list[dict[str, object]] = [system(EXPERT), {"role": "assistant", "content": "Hi, I am the coding expert."}]
    results = {"read_code": json.dumps({"code": CODE}), "end_session": '{"ending": true}'}
    rules: list[str] = []
    for utterance in demo.utterances[1:]:
        history.append(user(utterance.text))
        reply = said(demo, *history, tools=EXPERT_TOOLS)
        while reply.calls:
            assert reply.text == ""
            [call] = reply.calls
            history += called(call.tool, results.get(call.tool, '{"ok": true}'), f"c{len(history)}")
            rules.append(reply.rule)
            reply = said(demo, *history, tools=EXPERT_TOOLS)
        rules.append(reply.rule)
        history.append({"role": "assistant", "content": reply.text})
    assert rules == [
        *("expert-opens-on-request", "expert-opened"),
        *("expert-checks", "expert-found-error", "expert-highlighted"),
        *("goodbye", "session-ended"),
    ]


def test_goodbye_ends_the_session_where_that_is_offered(demo: Scenario) -> None:
    asked = [system(EXPERT), user("Thank you, goodbye.")]
    assert [call.tool for call in said(demo, *asked, tools=EXPERT_TOOLS).calls] == ["end_session"]
    without = said(demo, *asked, tools=["read_code"])
    assert (without.text, without.calls) == ("Goodbye, and happy coding.", ())
