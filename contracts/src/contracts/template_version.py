"""A published template version: the whole set of a session, immutable, addressed by its SHA-256.

config writes it into the object store; gateway and runtime read it. A session pins its version for life.
"""

import hashlib
from typing import Literal, TypeVar

import msgspec
import rfc8785
from msgspec import UNSET, UnsetType

from contracts.conditions import Condition
from contracts.custom_tool import CustomTool
from contracts.ids import AgentId, DocumentId, PanelId, TemplateId, VersionHash
from contracts.mcp_server import VersionMcpServer
from contracts.modality import PRESETS, PresetName
from contracts.modality import ModalityProfile as ModalityProfile
from contracts.modality import Source as Source
from contracts.modality import SourceMode as SourceMode
from contracts.panels.kind import PanelKind, Schema
from contracts.speech import PanelAttach, SpeechTuning, VisionPolicy
from contracts.variables import Declaration

ContextPolicy = Literal["full", "last_n", "summary", "none"]
DispatchMoment = Literal["at_start", "at_join"]


class LlmFallback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model that answers where the choice before it does not; what is left out is as in the first choice."""

    provider: Literal["openai"] = "openai"
    model: str
    temperature: float | UnsetType = UNSET
    max_output_tokens: int | UnsetType = UNSET
    top_p: float | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET


class LlmChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which model answers for an agent, and which ones in its stead, in order."""

    provider: Literal["openai"] = "openai"
    model: str = "gpt-4.1-mini"
    temperature: float | None = None
    max_output_tokens: int | UnsetType = UNSET
    top_p: float | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET
    fallbacks: tuple[LlmFallback, ...] | UnsetType = UNSET

    def in_order(self) -> "list[LlmChoice]":
        """The first choice and its fallbacks, each spelled out and alone."""
        first = msgspec.structs.replace(self, fallbacks=UNSET)
        return [first, *(_instead_of(first, one) for one in self.fallbacks or ())]


class VoiceFallback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model that speaks where the choice before it does not; with the first choice's voice, if none is named."""

    provider: Literal["cartesia"] = "cartesia"
    model: str
    voice: str | UnsetType = UNSET


class VoiceChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose voice an agent has, and which ones in its stead, in order."""

    provider: Literal["cartesia"] = "cartesia"
    model: str = "sonic-3"
    voice: str = "f786b574-daa5-4673-aa0c-cbe3e8534c02"
    fallbacks: tuple[VoiceFallback, ...] | UnsetType = UNSET

    def in_order(self) -> "list[VoiceChoice]":
        """The first choice and its fallbacks, each spelled out and alone."""
        first = msgspec.structs.replace(self, fallbacks=UNSET)
        return [first, *(_instead_of(first, one) for one in self.fallbacks or ())]


class SttFallback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model that transcribes where the choice before it does not, in the same language."""

    provider: Literal["deepgram"] = "deepgram"
    model: str


class SttChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who transcribes, and who in its stead, in order; one choice for the whole session."""

    provider: Literal["deepgram"] = "deepgram"
    model: str = "nova-3"
    language: str = "en-US"
    fallbacks: tuple[SttFallback, ...] | UnsetType = UNSET

    def in_order(self) -> "list[SttChoice]":
        """The first choice and its fallbacks, each spelled out and alone."""
        first = msgspec.structs.replace(self, fallbacks=UNSET)
        return [first, *(_instead_of(first, one) for one in self.fallbacks or ())]


C = TypeVar("C", LlmChoice, VoiceChoice, SttChoice)


def _instead_of(first: C, other: LlmFallback | VoiceFallback | SttFallback) -> C:
    given = {name: value for name in other.__struct_fields__ if (value := getattr(other, name)) is not UNSET}
    return msgspec.structs.replace(first, **given)


REASON = "reason"
"""The argument of every transfer, beside those of its edge: why, in the model's words."""


class HandoffTarget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An edge of the handoff graph. `last_n` counts messages: what `last_n` carries, and `summary` where none is made.

    `arguments` is the JSON Schema of an object: what the model must say for the next agent, beside its reason. The
    conversation passes only while `guard` holds.
    """

    agent: AgentId
    policy: ContextPolicy = "full"
    description: str = ""
    last_n: int | None = None
    arguments: Schema | UnsetType = UNSET
    guard: Condition | UnsetType = UNSET


class AgentDefinition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a customer wrote: founding document §4.2. `greeting` is spoken when the agent enters.

    `language` (BCP 47) is what it speaks and understands, `stt` its own transcriber; both are the template's where left
    out. `panel_attach` is `never` for a panel it does not name. Instructions and greeting may hold placeholders.
    `knowledge` is what its tool `search_knowledge_base` searches: documents by id, or all that the customer has.
    """

    name: str
    instructions: str
    greeting: str = ""
    tools: list[str] = []
    handoff_targets: list[HandoffTarget] = []
    llm: LlmChoice = LlmChoice()
    voice: VoiceChoice = VoiceChoice()
    modality: Literal["audio", "audio_camera", "audio_screen"] = "audio"
    panels: list[PanelId] = []
    language: str | UnsetType = UNSET
    stt: SttChoice | UnsetType = UNSET
    speech: SpeechTuning | UnsetType = UNSET
    vision: VisionPolicy | UnsetType = UNSET
    panel_attach: dict[PanelId, PanelAttach] | UnsetType = UNSET
    knowledge: list[DocumentId] | Literal["all"] | UnsetType = UNSET

    @property
    def sees(self) -> bool:
        """Whether pictures go to its model."""
        return self.modality != "audio"


MAX_DURATION_S = 3600
"""The longest session that a template may allow: a rollout drains a worker for as long (infra/k8s/base)."""


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds of a session, in seconds; `grace_s` is how long a participant may be gone before it ends.

    `budget_nano` is what it may cost, in nano-units (10^-9) of the currency of the price book that prices it.
    """

    max_duration_s: int = 3600
    away_timeout_s: int = 15
    grace_s: int = 30
    join_timeout_s: int = 60
    max_tool_steps: int = 5
    budget_nano: int | UnsetType = UNSET


class TemplateDraft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A template as its author writes it: agents by id, everything else in place.

    `variables` are given when a session starts, `flags` are set while it runs; both are declared here.
    """

    name: str
    agents: list[AgentId]
    initial_agent: AgentId
    modality_profile: ModalityProfile | PresetName = ModalityProfile()
    panels: list[PanelId] = []
    limits: Limits = Limits()
    stt: SttChoice = SttChoice()
    dispatch: DispatchMoment = "at_start"
    preemptive_generation: bool = False
    variables: dict[str, Declaration] | UnsetType = UNSET
    flags: dict[str, Declaration] | UnsetType = UNSET

    @property
    def profile(self) -> ModalityProfile:
        """The modality profile, spelled out."""
        named = self.modality_profile
        return named if isinstance(named, ModalityProfile) else PRESETS[named]

    def spoken_by(self, definition: AgentDefinition) -> str:
        """The language of an agent of this template."""
        return definition.language or self.transcribed_for(definition).language

    def transcribed_for(self, definition: AgentDefinition) -> SttChoice:
        """Who transcribes for an agent. Agents with equal choices share one transcriber, which a handoff keeps."""
        choice = definition.stt or self.stt
        if not definition.language or definition.language == choice.language:
            return choice
        return msgspec.structs.replace(choice, language=definition.language)


class VersionAgent(msgspec.Struct, frozen=True, kw_only=True):
    """One agent of a version: its id and its definition as published."""

    id: AgentId
    definition: AgentDefinition


class TemplateVersion(msgspec.Struct, frozen=True, kw_only=True):
    """The whole set, as sessions run it. `panel_kinds` holds each kind's file, so that nothing else is needed.

    `tools` holds the customer's own tools by name, `mcp_servers` its MCP servers, both without their secrets; each is
    left out where there are none.
    """

    template_id: TemplateId
    draft: TemplateDraft
    agents: list[VersionAgent]
    panel_kinds: dict[PanelId, PanelKind]
    tools: dict[str, CustomTool] | UnsetType = UNSET
    mcp_servers: dict[str, VersionMcpServer] | UnsetType = UNSET

    def agent(self, id: AgentId) -> AgentDefinition:
        """The definition of an agent of this version; raises KeyError."""
        return {agent.id: agent.definition for agent in self.agents}[id]

    def keyterms_for(self, choice: SttChoice) -> list[str]:
        """What all agents who share a transcriber want it to listen for, without repetition."""
        sharing = [one.definition for one in self.agents if self.draft.transcribed_for(one.definition) == choice]
        return list(dict.fromkeys(term for one in sharing if one.speech for term in one.speech.keyterms))


def encode_version(version: TemplateVersion) -> tuple[VersionHash, bytes]:
    """RFC 8785 bytes of a version and their SHA-256 in hex."""
    content = rfc8785.dumps(msgspec.to_builtins(version))
    return VersionHash(hashlib.sha256(content).hexdigest()), content


class CorruptVersion(ValueError):
    """Content that does not match the hash it was asked for by, or does not decode."""

    code = "corrupt_version"


def decode_version(content: bytes, expected: VersionHash) -> TemplateVersion:
    """Check the hash, then decode; raises CorruptVersion."""
    if hashlib.sha256(content).hexdigest() != expected:
        raise CorruptVersion(f"template version {expected} does not match its hash")
    try:
        return msgspec.json.decode(content, type=TemplateVersion)
    except msgspec.MsgspecError as error:
        raise CorruptVersion(f"template version {expected}: {error}") from error
