"""What was said. The words are personal; the timings are not."""

from typing import Literal

import msgspec

from contracts.ids import AgentId, TurnId
from contracts.registry import EventData, Personal, event


class Latency(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Milliseconds per stage of one reply; a stage that did not happen is absent (0 means measured zero).

    `stt`: end of speech to final transcript. `eou`: end of speech to end of turn. `llm_ttft`: request to first
    token. `tts_ttfb`: first text to first audio. `e2e`: end of the user's speech to the agent's first audio.
    """

    stt: int | None = None
    eou: int | None = None
    llm_ttft: int | None = None
    tts_ttfb: int | None = None
    e2e: int | None = None


class Words(Personal, frozen=True, kw_only=True):
    """The words as said, or as heard by the participant where an interruption cut them short."""

    text: str
    language: str = ""


@event("turn.user_said", personal=Words)
class UserSaid(EventData, frozen=True, kw_only=True):
    """One utterance of the participant; `item_id` is LiveKit's chat item."""

    turn: TurnId
    item_id: str
    agent: AgentId
    modality: Literal["voice", "text"]
    duration_ms: int | None = None
    stt_ms: int | None = None
    eou_ms: int | None = None


@event("turn.agent_said", personal=Words)
class AgentSaid(EventData, frozen=True, kw_only=True):
    """One reply as heard. `turn` is the participant's turn that it answers, empty for a greeting."""

    turn: TurnId
    item_id: str
    agent: AgentId
    interrupted: bool = False
    characters: int = 0
    latency: Latency = Latency()


TurnEvent = UserSaid | AgentSaid
