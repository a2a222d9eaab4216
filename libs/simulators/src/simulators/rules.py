"""Which reply a scenario gives to a request. Pure: no clock, no randomness, no memory of other requests."""

import re

import msgspec

from simulators.conversation import ChatRequest, Message, member
from simulators.scenario import PLACEHOLDER, Capture, Fault, Rule, Scenario, ToolCall, When

OTHERWISE = "otherwise"
"""The name under which a reply appears that no rule gave."""

Captured = dict[str, int | str]


class Reply(msgspec.Struct, frozen=True):
    """What the model answers: text, tool calls with their final arguments, or a fault. `rule` is who says so."""

    rule: str
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    fault: Fault | None = None


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one request, counted from lengths alone, so that the same request always costs the same."""

    prompt_tokens: int
    completion_tokens: int


def reply_to(request: ChatRequest, scenario: Scenario) -> Reply:
    """The reply of the first rule that matches, else the scenario's `otherwise`."""
    for rule in scenario.rules:
        captured = match(rule, request)
        if captured is not None:
            return _reply(rule, captured)
    return Reply(rule=OTHERWISE, text=scenario.otherwise)


def match(rule: Rule, request: ChatRequest) -> Captured | None:
    """What the rule captures from the request; None where it does not match."""
    if not holds(rule.when, request) or not _may_call(rule, request):
        return None
    captured: Captured = {}
    for name, capture in rule.captures.items():
        value = take(capture, request)
        if value is None:
            return None
        captured[name] = value
    return captured


def holds(when: When, request: ChatRequest) -> bool:
    """Whether every condition holds."""
    results = request.results()
    return (
        _found(when.system, request.system_text)
        and _found(when.instruction, request.instruction)
        and _found(when.user, request.asked)
        and _found(when.model, request.model)
        and _ends_in(when, request)
        and set(when.tools) <= set(request.offered)
        and not set(when.without_tools) & set(request.offered)
        and sum(message.role == "user" for message in request.messages) in when.turns
        and all(sum(name == tool for name, _ in results) in count for tool, count in when.calls.items())
    )


def take(capture: Capture, request: ChatRequest) -> int | str | None:
    """The value of a capture; None where its source is absent or nothing in it matches."""
    text = _source(capture, request)
    if text is not None and capture.key is not None:
        text = member(text, capture.key)
    if text is None:
        return None
    if capture.line_of is not None:
        lines = enumerate(text.split("\n"), start=1)
        return next((number for number, line in lines if re.search(capture.line_of, line)), None)
    if capture.regex is not None:
        found = re.search(capture.regex, text)
        return (found.group(1) if found.re.groups else found.group()) if found else None
    return text


def fill(template: object, captured: Captured) -> object:
    """A template with its captures filled in, whatever the depth; a string that is one placeholder takes its type."""
    if isinstance(template, list):
        return [fill(item, captured) for item in template]
    if isinstance(template, dict):
        return {key: fill(item, captured) for key, item in template.items()}
    if not isinstance(template, str):
        return template
    alone = PLACEHOLDER.fullmatch(template)
    return captured[alone[1]] if alone else fill_text(template, captured)


def fill_text(template: str, captured: Captured) -> str:
    """A text with its captures filled in."""
    return PLACEHOLDER.sub(lambda found: str(captured[found[1]]), template)


def usage_of(request: ChatRequest, reply: Reply) -> Usage:
    """About four characters a token, four tokens a message, 85 an image (that of one at low detail)."""
    asked = sum(_length(message) for message in request.messages)
    images = sum(message.images for message in request.messages)
    said = len(reply.text) + sum(len(call.tool) + len(msgspec.json.encode(call.arguments)) for call in reply.calls)
    return Usage(
        prompt_tokens=_tokens(asked) + 4 * len(request.messages) + 85 * images,
        completion_tokens=_tokens(said),
    )


def _reply(rule: Rule, captured: Captured) -> Reply:
    return Reply(
        rule=rule.name,
        text=fill_text(rule.text, captured),
        calls=tuple(
            ToolCall(tool=call.tool, arguments={key: fill(item, captured) for key, item in call.arguments.items()})
            for call in rule.calls
        ),
        fault=rule.fault,
    )


def _may_call(rule: Rule, request: ChatRequest) -> bool:
    if request.must_call and not rule.calls:
        return False
    return {call.tool for call in rule.calls} <= set(request.callable)


def _ends_in(when: When, request: ChatRequest) -> bool:
    last = request.messages[-1]
    if when.last_role is not None and when.last_role != ("system" if last.is_system else last.role):
        return False
    wanted = when.result
    if wanted is None:
        return True
    return any(name == wanted.tool and re.search(wanted.matches, text) for name, text in request.last_results())


def _source(capture: Capture, request: ChatRequest) -> str | None:
    match capture.source:
        case "last_user":
            return request.last_user
        case "instruction":
            return request.instruction
        case "last_result":
            results = reversed(request.results())
            return next((text for name, text in results if capture.tool in {None, name}), None)


def _found(pattern: str | None, text: str | None) -> bool:
    return pattern is None or (text is not None and re.search(pattern, text) is not None)


def _length(message: Message) -> int:
    calls = message.tool_calls or []
    return len(message.text) + sum(len(call.function.name) + len(call.function.arguments) for call in calls)


def _tokens(characters: int) -> int:
    return -(-characters // 4)
