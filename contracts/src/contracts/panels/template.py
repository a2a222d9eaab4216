"""The language in which a panel kind says what a command or an event does to the state. Small, total, closed.

A template is JSON. Text that begins with `$` is a reference, an object with one key that begins with `$` an operator,
everything else stands for itself:

    "$args.code"  "$args"  "$state.view.page"       the value there, through objects only
    "$$5"                                           the text "$5"
    {"$first": [a, b, ...]}                         the first that is present
    {"$add": [a, b]}                                a sum of integers
    {"$clamp": [x, low, high]}                      low if x < low, high if x > high, but never under low
    {"$size": [x]}                                  how many items an array, or members an object, has
    {"$by": [list, "id"]}                           {"<id>": object, ...} from a list of objects; last of equals wins
    {"$unset": [x]}                                 {key: null, ...} for the keys of an object, or a list of texts

What is not there, or not of the type that an operator takes, is *absent*: its member or item is left out, and an
operator (but `$first`) with an absent operand is absent. Rendering therefore never fails. It must stay so, and stay
small enough to be written again in TypeScript: both are tested on contracts/fixtures/panels.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto


class Absent(Enum):
    """The type of `ABSENT`: what a reference to nothing renders to. Not None, which is JSON's null."""

    ABSENT = auto()


ABSENT = Absent.ABSENT
REFERENCE = re.compile(r"\$(args|state)((?:\.[A-Za-z_][A-Za-z0-9_]*)*)\Z")


def render(template: object, *, args: Mapping[str, object], state: Mapping[str, object]) -> object:
    """The value of `template` over `args` and `state` (plain JSON), or `ABSENT`. Never raises.

    The result may share parts with its arguments; treat all of them as immutable.
    """
    return _render(template, {"args": args, "state": state})


def operator_of(template: dict[str, object]) -> str | None:
    """The operator's name if this object is one (known or not), else None."""
    return next((key for key in template if key.startswith("$")), None)


def _render(template: object, scope: Mapping[str, object]) -> object:
    match template:
        case str():
            return _text(template, scope)
        case list():
            return [value for item in template if (value := _render(item, scope)) is not ABSENT]
        case dict() if (name := operator_of(template)) is not None:
            return _operate(name, template[name], scope)
        case dict():
            rendered = {key: _render(member, scope) for key, member in template.items()}
            return {key: value for key, value in rendered.items() if value is not ABSENT}
        case _:
            return template


def _text(text: str, scope: Mapping[str, object]) -> object:
    if not text.startswith("$"):
        return text
    if text.startswith("$$"):
        return text[1:]
    found = REFERENCE.match(text)
    if found is None:
        return ABSENT
    value: object = scope[found[1]]
    for name in found[2].split(".")[1:]:
        if not isinstance(value, Mapping) or name not in value:
            return ABSENT
        value = value[name]
    return value


def _operate(name: str, operands: object, scope: Mapping[str, object]) -> object:
    operator = OPERATORS.get(name)
    if operator is None or not isinstance(operands, list) or not operator.takes(len(operands)):
        return ABSENT
    return operator.apply([_render(operand, scope) for operand in operands])


class Operator:
    """One operator: how many operands it takes (None: one or more), and its total function over rendered ones."""

    def __init__(self, count: int | None, apply: Callable[[Sequence[object]], object]) -> None:
        self.count = count
        self.apply = apply

    def takes(self, count: int) -> bool:
        return count >= 1 if self.count is None else count == self.count


def _first(operands: Sequence[object]) -> object:
    return next((operand for operand in operands if operand is not ABSENT), ABSENT)


def _add(operands: Sequence[object]) -> object:
    numbers = _integers(operands)
    return ABSENT if numbers is None else sum(numbers)


def _clamp(operands: Sequence[object]) -> object:
    numbers = _integers(operands)
    if numbers is None:
        return ABSENT
    value, low, high = numbers
    return max(low, min(value, high))


def _size(operands: Sequence[object]) -> object:
    value = operands[0]
    return len(value) if isinstance(value, list | Mapping) else ABSENT


def _by(operands: Sequence[object]) -> object:
    items, key = operands
    if not isinstance(items, list) or not isinstance(key, str):
        return ABSENT
    objects = (item for item in items if isinstance(item, Mapping))
    return {item[key]: item for item in objects if isinstance(item.get(key), str)}


def _unset(operands: Sequence[object]) -> object:
    value = operands[0]
    if not isinstance(value, list | Mapping):
        return ABSENT
    return {key: None for key in value if isinstance(key, str)}


def _integers(operands: Sequence[object]) -> list[int] | None:
    # bool is an int in Python, and not in JSON.
    numbers = [operand for operand in operands if isinstance(operand, int) and not isinstance(operand, bool)]
    return numbers if len(numbers) == len(operands) else None


#: Closed: a new operator is a new version of every interpreter.
OPERATORS: Mapping[str, Operator] = {
    "$first": Operator(None, _first),
    "$add": Operator(2, _add),
    "$clamp": Operator(3, _clamp),
    "$size": Operator(1, _size),
    "$by": Operator(2, _by),
    "$unset": Operator(1, _unset),
}
