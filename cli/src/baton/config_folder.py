"""A customer's configuration as files: ``agents/<id>.yaml``, ``templates/<id>.yaml`` and ``panel-kinds/<name>.yaml``.

Each holds what the API takes.

Files hold what differs from the defaults, so that a reader sees what somebody decided.
"""

from collections.abc import Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from contracts.ids import AgentId, InvalidId, PanelId, TemplateId, check_id
from contracts.panels.kind import PanelKindFile
from contracts.template_version import AgentDefinition, TemplateDraft

AGENTS, TEMPLATES, PANEL_KINDS = "agents", "templates", "panel-kinds"
_SUFFIX = ".yaml"
_WIDTH = 120

Said = AgentDefinition | TemplateDraft | PanelKindFile
T = TypeVar("T", bound=Said)


class BadFolder(Exception):
    """The folder, or a file in it, is not what it should be; the message names the file."""


class ConfigFolder(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder says, by the ids that its files are named by."""

    agents: dict[AgentId, AgentDefinition]
    templates: dict[TemplateId, TemplateDraft]
    panel_kinds: dict[PanelId, PanelKindFile] = {}


def read_folder(folder: Traversable) -> ConfigFolder:
    """Read a folder. Raises BadFolder for one that holds nothing of these, and for a file that is not right."""
    agents = {AgentId(id): one for id, one in _read_all(folder / AGENTS, AgentDefinition).items()}
    templates = {TemplateId(id): one for id, one in _read_all(folder / TEMPLATES, TemplateDraft).items()}
    kinds = {PanelId(id): one for id, one in _read_all(folder / PANEL_KINDS, PanelKindFile).items()}
    if not agents and not templates and not kinds:
        raise BadFolder(f"{folder} holds neither {AGENTS}/*{_SUFFIX} nor {TEMPLATES}/*{_SUFFIX}")
    return ConfigFolder(agents=agents, templates=templates, panel_kinds=kinds)


def write_folder(folder: Path, content: ConfigFolder) -> list[Path]:
    """Write every file that says something else, or is not there; returns those. Other files are left alone."""
    wanted: dict[Path, Said] = {
        **{folder / AGENTS / f"{id}{_SUFFIX}": one for id, one in content.agents.items()},
        **{folder / TEMPLATES / f"{id}{_SUFFIX}": one for id, one in content.templates.items()},
        **{folder / PANEL_KINDS / f"{id}{_SUFFIX}": one for id, one in content.panel_kinds.items()},
    }
    written = []
    for path, said in wanted.items():
        if path.exists() and _says(path, said):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_text(said), encoding="utf-8")
        written.append(path)
    return written


def _read_all(folder: Traversable, kind: type[T]) -> Mapping[str, T]:
    if not folder.is_dir():
        return {}
    files = sorted((file for file in folder.iterdir() if file.name.endswith(_SUFFIX)), key=lambda file: file.name)
    return {_id(file): _read(file, kind) for file in files}


def _id(file: Traversable) -> str:
    try:
        return check_id(file.name.removesuffix(_SUFFIX))
    except InvalidId as error:
        raise BadFolder(f"{file}: {error}") from error


def _read(file: Traversable, kind: type[T]) -> T:
    try:
        said = msgspec.yaml.decode(file.read_bytes(), type=kind)
        msgspec.json.encode(said)
    except (msgspec.MsgspecError, yaml.YAMLError) as error:
        raise BadFolder(f"{file}: {' '.join(str(error).split())}") from error
    except TypeError as error:
        # YAML reads `on:`, `2:` and dates as keys that are no text; JSON has no others.
        raise BadFolder(f"{file}: every name is text, so quote it: {error}") from error
    return said


def _says(file: Path, said: Said) -> bool:
    return bool(_read(file, type(said)) == said)


def _text(said: Said) -> str:
    return yaml.dump(_decided(said), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)


def _decided(value: Any) -> Any:
    """Plain values of a Struct's fields, without those that have their defaults."""
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        decided = {field.name: getattr(value, field.name) for field in fields}
        return {field.name: _decided(decided[field.name]) for field in fields if not _is_default(field, decided)}
    if isinstance(value, list | tuple):
        return [_decided(one) for one in value]
    if isinstance(value, dict):
        return {name: _decided(one) for name, one in value.items()}
    return value


def _is_default(field: msgspec.structs.FieldInfo, values: Mapping[str, Any]) -> bool:
    if field.required:
        return False
    default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    return bool(values[field.name] == default)


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, so that they can be read and compared by lines."""


def _text_node(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text_node)
