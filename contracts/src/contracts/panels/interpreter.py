"""What commands and events do to a panel's state: pure functions from a kind and values to patches and states.

A patch is an RFC 7396 merge patch. It cannot append to an array: collections are maps keyed by id, or arrays replaced
whole. Nothing here validates against a schema; the caller does, before (arguments) and after (the state that follows).
"""

import hashlib
from collections.abc import Mapping

import rfc8785

from .kind import PanelKind
from .plain import plain_object
from .refusals import BadSchema, UnknownAction
from .template import render

__all__ = ["command_patch", "event_patch", "initial_state", "merge_patch", "panel_hash", "patched", "render"]


def initial_state(kind: PanelKind, args: Mapping[str, object]) -> dict[str, object]:
    """The state of a panel just opened with `args`. Raises BadSchema where a value may not enter a state."""
    return patched({}, _patch(kind.open.initial, args, {}))


def command_patch(
    kind: PanelKind, state: Mapping[str, object], action: str, args: Mapping[str, object]
) -> dict[str, object]:
    """The merge patch that the command `action` makes of `state`. Raises UnknownAction, BadSchema."""
    command = kind.commands.get(action)
    if command is None:
        raise UnknownAction(f"{kind.kind} has no command called {_shown(action)}; it has {_names(kind.commands)}")
    return _patch(command.effect, args, state)


def event_patch(
    kind: PanelKind, state: Mapping[str, object], event: str, data: Mapping[str, object]
) -> dict[str, object]:
    """The merge patch that the browser's `event` makes of `state`. Raises UnknownAction, BadSchema."""
    spec = kind.events.get(event)
    if spec is None:
        raise UnknownAction(f"{kind.kind} has no event called {_shown(event)}; it has {_names(kind.events)}")
    return _patch(spec.effect, data, state)


def merge_patch(target: object, patch: object) -> object:
    """RFC 7396, section 2. Changes neither argument; the result may share parts with both."""
    if not isinstance(patch, Mapping):
        return patch
    merged: dict[str, object] = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def patched(state: Mapping[str, object], patch: Mapping[str, object]) -> dict[str, object]:
    """`merge_patch` where both are objects, as panel states and their patches are: the fold of `panel.changed`."""
    merged = merge_patch(state, patch)
    assert isinstance(merged, dict)
    return merged


def panel_hash(state: Mapping[str, object]) -> str:
    """SHA-256, lower-case hex, of the state's RFC 8785 form: equal in Python and in the browser."""
    return hashlib.sha256(rfc8785.dumps(dict(state))).hexdigest()  # type: ignore[arg-type]  # plain JSON by contract


def _patch(effect: object, args: Mapping[str, object], state: Mapping[str, object]) -> dict[str, object]:
    patch = render(effect, args=plain_object(args, "args"), state=state)
    if not isinstance(patch, dict):
        raise BadSchema("args: the effect of these arguments is not an object")
    # Once more: operators can make a sum too large, or a key out of a value.
    return plain_object(patch, "patch")


def _names(specs: Mapping[str, object]) -> str:
    return ", ".join(specs) or "none"


def _shown(name: str) -> str:
    # Bounded and escaped: it comes from a model or a browser, and goes into a log.
    return repr(name[:64])
