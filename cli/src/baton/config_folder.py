"""A customer's configuration as files, each what the API takes, named by what it is called.

``agents/<id>.yaml``, ``templates/<id>.yaml``, ``panel-kinds/<name>.yaml``, ``tools/<name>.yaml``,
``mcp-servers/<name>.yaml``, and one ``aliases.yaml``. Files hold what differs from the defaults, so that a reader sees
what somebody decided; of a secret they hold the name of the environment variable that has it, never the secret.
"""

from collections.abc import Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from contracts.custom_tool import CustomTool
from contracts.ids import AgentId, InvalidId, PanelId, TemplateId, check_id
from contracts.mcp_server import McpServer
from contracts.panels.kind import PanelKindFile
from contracts.template_version import AgentDefinition, TemplateDraft

AGENTS, TEMPLATES, PANEL_KINDS = "agents", "templates", "panel-kinds"
TOOLS, MCP_SERVERS, ALIASES = "tools", "mcp-servers", "aliases.yaml"
_SUFFIX = ".yaml"
_WIDTH = 120

T = TypeVar("T")


class BadFolder(Exception):
    """The folder, or a file in it, is not what it should be; the message names the file."""


class ToolFile(CustomTool, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A custom tool; `secret_from` names the environment variable that holds its signing secret."""

    secret_from: str = ""

    def tool(self) -> CustomTool:
        """The definition alone."""
        return msgspec.convert(
            {name: value for name, value in msgspec.structs.asdict(self).items() if name != "secret_from"}, CustomTool
        )


class McpServerFile(McpServer, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An MCP server, and its tools as somebody approved them: by their hashes.

    `headers_from` names, for each header that carries credentials, the environment variable that holds it whole.
    """

    headers_from: dict[str, str] = {}
    approved: dict[str, str] = {}
    idempotent: list[str] = []

    def server(self) -> McpServer:
        """The definition alone."""
        return McpServer(url=self.url, timeout_s=self.timeout_s, allowed_tools=self.allowed_tools)


class Share(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A version that an alias leads to, and its share of new sessions in percent."""

    number: int
    weight: int = 100


Aliases = dict[str, int | list[Share]]
"""Of one template: where each alias leads, as one version's number or as shares."""


class ConfigFolder(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder says, by the ids and names that its files are named by."""

    agents: dict[AgentId, AgentDefinition] = {}
    templates: dict[TemplateId, TemplateDraft] = {}
    panel_kinds: dict[PanelId, PanelKindFile] = {}
    tools: dict[str, ToolFile] = {}
    mcp_servers: dict[str, McpServerFile] = {}
    aliases: dict[TemplateId, Aliases] = {}


def read_folder(folder: Traversable) -> ConfigFolder:
    """Read a folder. Raises BadFolder for one without anything, and for a file that is not right."""
    found = ConfigFolder(
        agents={AgentId(id): one for id, one in _read_all(folder / AGENTS, AgentDefinition).items()},
        templates={TemplateId(id): one for id, one in _read_all(folder / TEMPLATES, TemplateDraft).items()},
        panel_kinds={PanelId(id): one for id, one in _read_all(folder / PANEL_KINDS, PanelKindFile).items()},
        tools=dict(_read_all(folder / TOOLS, ToolFile)),
        mcp_servers=dict(_read_all(folder / MCP_SERVERS, McpServerFile)),
        aliases=_read_aliases(folder / ALIASES),
    )
    if found == ConfigFolder():
        kinds = ", ".join(f"{kind}/*{_SUFFIX}" for kind in (AGENTS, TEMPLATES, PANEL_KINDS, TOOLS, MCP_SERVERS))
        raise BadFolder(f"{folder} holds none of {kinds}, {ALIASES}")
    return found


def write_folder(folder: Path, content: ConfigFolder) -> list[Path]:
    """Write every file that says something else, or is not there; returns those. Other files are left alone."""
    wanted: dict[Path, Any] = {
        **{folder / AGENTS / f"{id}{_SUFFIX}": one for id, one in content.agents.items()},
        **{folder / TEMPLATES / f"{id}{_SUFFIX}": one for id, one in content.templates.items()},
        **{folder / PANEL_KINDS / f"{id}{_SUFFIX}": one for id, one in content.panel_kinds.items()},
        **{folder / TOOLS / f"{id}{_SUFFIX}": one for id, one in content.tools.items()},
        **{folder / MCP_SERVERS / f"{id}{_SUFFIX}": one for id, one in content.mcp_servers.items()},
    }
    if content.aliases:
        wanted[folder / ALIASES] = content.aliases
    written = []
    for path, said in wanted.items():
        if path.exists():
            known = _read_aliases(path) if path.name == ALIASES else _read(path, type(said))
            said = _with_variables_of(known, said)
            if known == said:
                continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_text(said), encoding="utf-8")
        written.append(path)
    return written


def _with_variables_of(known: Any, said: Any) -> Any:
    """The same, with the names of environment variables that somebody chose."""
    if isinstance(said, ToolFile):
        return msgspec.structs.replace(said, secret_from=known.secret_from or said.secret_from)
    if isinstance(said, McpServerFile):
        chosen = {name: known.headers_from.get(name, variable) for name, variable in said.headers_from.items()}
        return msgspec.structs.replace(said, headers_from=chosen)
    return said


def _read_all(folder: Traversable, kind: type[T]) -> Mapping[str, T]:
    if not folder.is_dir():
        return {}
    files = sorted((file for file in folder.iterdir() if file.name.endswith(_SUFFIX)), key=lambda file: file.name)
    return {_id(file): _read(file, kind) for file in files}


def _read_aliases(file: Traversable) -> dict[TemplateId, Aliases]:
    return _read(file, dict[TemplateId, Aliases]) if file.is_file() else {}


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


def _text(said: Any) -> str:
    return yaml.dump(_decided(said), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)


def _decided(value: Any) -> Any:
    """Plain values of a Struct's fields, without those that have their defaults."""
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        decided = {field.name: getattr(value, field.name) for field in fields}
        kept = [field for field in fields if not _is_default(field, decided)]
        return {field.encode_name: _decided(decided[field.name]) for field in kept}
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
