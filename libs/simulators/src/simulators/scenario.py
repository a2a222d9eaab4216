"""A scenario: who says what, in a file. Decodes it, and refuses a bad one by naming the field.

It is the vocabulary alone: it must never look at a request (see rules) nor at audio (see recognition).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec

Vendor = Literal["openai", "deepgram", "cartesia"]

DEMO = Path(__file__).parent / "scenarios" / "demo.yaml"
"""The scenario of the demo call: a triage agent and a coding expert."""

PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
"""Where a template takes in a capture: `${name}`."""


class ScenarioError(Exception):
    """The file is missing, does not decode, or contradicts itself; the message names the file and the field."""


class Utterance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that the user may say. `wav` is a file path (16-bit mono), relative to the scenario file."""

    wav: str
    text: str


class Range(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An inclusive range of counts, open at the top without `max`."""

    min: int = 0
    max: int | None = None

    def __contains__(self, count: int) -> bool:
        return count >= self.min and (self.max is None or count <= self.max)


class ToolResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The request ends in results of tools, among them one of `tool` whose text matches the regex `matches`."""

    tool: str
    matches: str = ""


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Conditions on one request; all that are given must hold. Texts are regular expressions, searched for.

    system       in the text of all system messages
    instruction  in the last message, which is a system message but not the first (generate_reply instructions)
    user         in the last message that is not a system message, which is the user's
    result       see ToolResult
    last_role    role of the very last message
    model        in the model's name
    tools, without_tools   names that the request offers, every one; or does not, any one
    calls        how many results of a tool the conversation holds
    turns        how many messages of the user the conversation holds
    """

    system: str | None = None
    instruction: str | None = None
    user: str | None = None
    result: ToolResult | None = None
    last_role: Literal["system", "user", "assistant", "tool"] | None = None
    model: str | None = None
    tools: tuple[str, ...] = ()
    without_tools: tuple[str, ...] = ()
    calls: dict[str, Range] = {}
    turns: Range = Range()


class Capture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value computed from the request; a rule whose capture finds nothing does not match.

    source   the text: the last user message, the latest tool result (of `tool`, if given), or the instruction
    key      the text is that of the first string member of this name, at any depth, where the source is JSON;
             other text is taken whole
    line_of  the number (from 1) of the first line that matches this regex
    regex    the text of its first group, or of the whole match without groups
    """

    source: Literal["last_user", "last_result", "instruction"]
    tool: str | None = None
    key: str | None = None
    line_of: str | None = None
    regex: str | None = None


class ToolCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A call that the model makes. Strings in `arguments` are templates; a lone `${name}` keeps a number a number."""

    tool: str
    arguments: dict[str, object] = {}


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What goes wrong instead: an HTTP status, a silence of `hang_s` first, or a cut after `drop_after` chunks.

    `times` limits it to the first so many requests that match the rule, so that a retry can succeed.
    """

    status: Annotated[int, msgspec.Meta(ge=400, le=599)] | None = None
    hang_s: Annotated[float, msgspec.Meta(ge=0, le=60)] = 0.0
    drop_after: Annotated[int, msgspec.Meta(ge=0)] | None = None
    times: Annotated[int, msgspec.Meta(ge=1)] | None = None


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first rule whose conditions and captures hold gives the reply: a text (template), tool calls, or both.

    A rule that calls a tool is passed over where the request does not offer it or forbids calls.
    """

    name: str
    when: When = When()
    captures: dict[str, Capture] = {}
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    fault: Fault | None = None


class Outage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A vendor's models that are down: those whose whole name matches the regex `model` answer with `status`."""

    vendor: Vendor
    model: str
    status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 503


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rules in the order in which they are tried, utterances that are recognised, pitches of voices in Hz.

    `keys` are those that a vendor takes: any at all, where it is not named there. `outages` hold from the start on.
    """

    rules: tuple[Rule, ...] = ()
    utterances: tuple[Utterance, ...] = ()
    voices: dict[str, Annotated[float, msgspec.Meta(ge=50, le=500)]] = {}
    keys: dict[Vendor, tuple[str, ...]] = {}
    outages: tuple[Outage, ...] = ()
    otherwise: str = "I am sorry, I did not understand that. Could you say it differently?"


def load(path: Path) -> Scenario:
    """Read a scenario from a YAML or JSON file; paths of WAVs come back absolute.

    Raises ScenarioError.
    """
    try:
        content = path.read_bytes()
        scenario = msgspec.yaml.decode(content, type=Scenario)
    except (OSError, msgspec.DecodeError) as error:
        raise ScenarioError(f"{path}: {error}") from error
    scenario = msgspec.structs.replace(
        scenario,
        utterances=tuple(Utterance(wav=str(path.parent / each.wav), text=each.text) for each in scenario.utterances),
    )
    for complaint in complaints(scenario):
        raise ScenarioError(f"{path}: {complaint}")
    return scenario


def complaints(scenario: Scenario) -> Iterator[str]:
    """What the types cannot say: regexes that compile, captures that exist, files that are there, names used once."""
    seen: set[str] = set()
    for number, rule in enumerate(scenario.rules):
        at = f"$.rules[{number}] ({rule.name})"
        if rule.name in seen:
            yield f"{at}: another rule has this name"
        seen.add(rule.name)
        yield from _bad_patterns(at, rule)
        yield from _bad_captures(at, rule)
    for number, outage in enumerate(scenario.outages):
        yield from _no_pattern(f"$.outages[{number}].model", outage.model)
    for number, utterance in enumerate(scenario.utterances):
        if not Path(utterance.wav).is_file():
            yield f"$.utterances[{number}].wav: no such file: {utterance.wav}"


def _bad_patterns(at: str, rule: Rule) -> Iterator[str]:
    when = rule.when
    patterns = {
        "when.system": when.system,
        "when.instruction": when.instruction,
        "when.user": when.user,
        "when.model": when.model,
        "when.result.matches": when.result.matches if when.result else None,
    }
    for name, capture in rule.captures.items():
        patterns[f"captures.{name}.line_of"] = capture.line_of
        patterns[f"captures.{name}.regex"] = capture.regex
    for field, pattern in patterns.items():
        yield from _no_pattern(f"{at}.{field}", pattern or "")


def _no_pattern(at: str, pattern: str) -> Iterator[str]:
    try:
        re.compile(pattern)
    except re.error as error:
        yield f"{at}: not a regular expression: {error}"


def _bad_captures(at: str, rule: Rule) -> Iterator[str]:
    for name, capture in rule.captures.items():
        if capture.line_of is not None and capture.regex is not None:
            yield f"{at}.captures.{name}: give line_of or regex, not both"
    texts = [("text", rule.text), *((f"calls[{n}].arguments", call.arguments) for n, call in enumerate(rule.calls))]
    for field, template in texts:
        for name in placeholders(template):
            if name not in rule.captures:
                yield f"{at}.{field}: ${{{name}}} is not one of the rule's captures"


def placeholders(template: object) -> Iterator[str]:
    """The names of the captures that a template (a string, or JSON with strings in it) takes in."""
    match template:
        case str():
            yield from PLACEHOLDER.findall(template)
        case list():
            for item in template:
                yield from placeholders(item)
        case dict():
            for item in template.values():
                yield from placeholders(item)
        case _:
            return
