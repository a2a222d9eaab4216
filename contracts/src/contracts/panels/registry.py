"""The panel kinds that come with Baton, and the door through which any kind file becomes a `PanelKind`."""

import re
from functools import cache
from importlib.resources import files

import msgspec

from .checks import check_kind
from .kind import PanelKind
from .refusals import BadPanelKind

MAX_KIND_BYTES = 64 * 1024

_LOCATED = re.compile(r"(?P<problem>.*) - at (?:`key` in )?`\$(?P<path>.*)`\Z", re.DOTALL)


def builtin() -> dict[str, PanelKind]:
    """The kinds in this package's `files/`, by id, in alphabetical order."""
    return dict(_builtin())


def decode_kind(source: bytes) -> PanelKind:
    """A kind from its file, UTF-8 JSON of at most MAX_KIND_BYTES. Raises BadPanelKind, with the path of the fault."""
    if len(source) > MAX_KIND_BYTES:
        raise BadPanelKind("", f"larger than {MAX_KIND_BYTES} bytes")
    try:
        kind = msgspec.json.decode(source, type=PanelKind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _located(str(error)) from None
    check_kind(kind)
    return kind


@cache
def _builtin() -> tuple[tuple[str, PanelKind], ...]:
    sources = sorted(
        (entry for entry in files(__package__).joinpath("files").iterdir() if entry.name.endswith(".json")),
        key=lambda entry: entry.name,
    )
    kinds = [decode_kind(entry.read_bytes()) for entry in sources]
    return tuple((kind.kind, kind) for kind in kinds)


def _located(message: str) -> BadPanelKind:
    """msgspec says where in the manner of `$.commands[...].schema`; we say `/commands/*/schema`."""
    found = _LOCATED.match(message)
    if found is None:
        return BadPanelKind("", message)
    path = re.sub(r"\[(.*?)\]", r"/\1", found["path"]).replace(".../", "*/").replace("/...", "/*")
    return BadPanelKind(path.replace(".", "/"), found["problem"])
