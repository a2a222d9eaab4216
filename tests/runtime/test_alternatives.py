"""Fallbacks over the providers' wires: where a model is down the next one answers, and the usage names who did."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from livekit import rtc
from livekit.agents import stt
from livekit.agents.llm import ChatContext
from livekit.agents.utils import http_context
from tests.runtime.adapters.test_models import NoVoiceActivity
from tests.support.runtime_calls import run_events
from tests.support.runtime_sessions import PanelPage, a_version, an_admitted_session
from tests.support.until import until

from chassis.memory.event_log import MemoryEventLog
from chassis.memory.object_store import MemoryObjectStore
from contracts.events.usage import LlmUsed, Usage
from contracts.ids import AgentId, TurnId
from contracts.registry import EventData, decode_data
from contracts.template_version import (
    LlmChoice,
    LlmFallback,
    SttChoice,
    SttFallback,
    TemplateVersion,
    VersionAgent,
    VoiceChoice,
    VoiceFallback,
)
from runtime.adapters.alternatives import Alternatives
from runtime.adapters.local_surface import LocalSurface
from runtime.adapters.models import Provider, Providers, VoiceModels
from runtime.adapters.sdk_events import SdkEvents
from runtime.roomless import RoomlessSession
from simulators import Simulators
from simulators.scenario import DEMO, Outage, Scenario, Vendor, load
from simulators.speech import read_wav

pytestmark = pytest.mark.unit

HOST = AgentId("host")
TIMEOUT_S = 20.0


def without(vendor: Vendor, model: str) -> Scenario:
    """The demo's scenario, while a model is down."""
    return msgspec.structs.replace(load(DEMO), outages=(Outage(vendor=vendor, model=model),))


def providers_at(simulators: Simulators) -> Providers:
    return Providers(
        openai=Provider(simulators.openai_base_url),
        deepgram=Provider(simulators.deepgram_base_url),
        cartesia=Provider(simulators.cartesia_base_url),
    )


class Recorded:
    """In place of a session's recorder: what would be in the log."""

    def __init__(self) -> None:
        self.turn, self.agent = TurnId(""), HOST
        self.facts: list[EventData] = []

    def record(self, data: EventData, *_: Any, **__: Any) -> int:
        self.facts.append(data)
        return len(self.facts)

    @property
    def answered(self) -> list[str]:
        """The models that were used, in order."""
        return [fact.model for fact in self.facts if isinstance(fact, Usage)]


@contextlib.asynccontextmanager
async def alternatives(simulators: Simulators) -> AsyncIterator[tuple[Alternatives, Recorded]]:
    """As a session has them; closed as a session closes them."""
    recorded, nothing = Recorded(), lambda *_: None
    providers = providers_at(simulators)
    models = VoiceModels(providers=providers, voice_activity=NoVoiceActivity())
    events = SdkEvents(
        recorded,  # type: ignore[arg-type]
        payer=providers.payer,
        on_tools=nothing,
        on_silence=nothing,
        on_error=nothing,
        on_close=nothing,
    )
    made = Alternatives(models=models, sdk_events=events)
    async with asyncio.timeout(TIMEOUT_S), http_context.open():
        try:
            yield made, recorded
        finally:
            await made.aclose()


def answered_by(*models: str) -> TemplateVersion:
    """The test's two agents, each with these models in order."""
    version, choice = a_version(), LlmChoice(model=models[0], fallbacks=tuple(LlmFallback(model=m) for m in models[1:]))
    agents = [
        VersionAgent(id=one.id, definition=msgspec.structs.replace(one.definition, llm=choice))
        for one in version.agents
    ]
    return msgspec.structs.replace(version, agents=agents)


async def test_a_call_goes_on_with_the_next_model_where_the_first_is_down() -> None:
    log, objects, page = MemoryEventLog(), MemoryObjectStore(), PanelPage()
    session = await an_admitted_session(log, objects, answered_by("gpt-4.1-mini", "gpt-4o", "gpt-4.1"))
    async with Simulators(scenario=without("openai", "gpt-4.1-mini")) as simulators:
        async with RoomlessSession(
            metadata=session.metadata,
            log=log,
            objects=objects,
            keys=session.keys(),
            surface=LocalSurface(page),
            providers=providers_at(simulators),
        ) as call:
            assert await call.say("Hi, I need help with my Python code.") == ["Hi, I am the coding expert."]
            assert (await call.say("Can you open an editor for me?"))[-1].startswith("I have opened the editor")
        asked = [request.model for request in simulators.requests.of("openai")]
    used = [decode_data(event) for event in await run_events(log, session) if event.type == "usage.llm"]
    assert {one.model for one in used if isinstance(one, LlmUsed)} == {"gpt-4o"}, "who answered, not who was asked"
    assert {one.payer for one in used if isinstance(one, LlmUsed)} == {"deployment"}
    assert (asked[0], set(asked)) == ("gpt-4.1-mini", {"gpt-4.1-mini", "gpt-4o"})


async def test_where_the_first_model_is_well_nobody_else_is_asked() -> None:
    async with Simulators(scenario=load(DEMO)) as simulators, alternatives(simulators) as (made, recorded):
        model = made.llm(LlmChoice(fallbacks=(LlmFallback(model="gpt-4o"),)), agent=HOST)
        await _ask(model)
        assert (recorded.answered, len(simulators.requests)) == (["gpt-4.1-mini"], 1)


async def test_another_voice_speaks_where_the_first_is_down() -> None:
    choice = VoiceChoice(fallbacks=(VoiceFallback(model="sonic-2"),))
    async with Simulators(scenario=without("cartesia", "sonic-3")) as simulators:
        async with alternatives(simulators) as (made, recorded):
            voice = made.voice(choice, agent=HOST, language="en-US", speed=None)
            assert voice is not None
            async with voice.stream() as stream:
                stream.push_text("I have opened the editor for you. ")
                stream.end_input()
                spoken_s = sum([audio.frame.duration async for audio in stream])
        assert spoken_s > 1
        assert set(recorded.answered) == {"sonic-2"}
        assert {request.voice for request in simulators.requests.of("cartesia")} == {choice.voice}


async def test_another_transcriber_listens_where_the_first_is_down() -> None:
    choice = SttChoice(fallbacks=(SttFallback(model="nova-2"),))
    scenario = without("deepgram", "nova-3")
    said = scenario.utterances[0]
    async with Simulators(scenario=scenario) as simulators:
        async with alternatives(simulators) as (made, recorded):
            transcriber = made.transcriber(choice, keyterms=[])
            assert transcriber is not None
            heard = await _transcribed(transcriber, Path(said.wav), simulators)
        assert heard == said.text
        assert set(recorded.answered) == {"nova-2"}
        assert {request.model for request in simulators.requests.of("deepgram")} == {"nova-3", "nova-2"}


async def _ask(model: Any) -> None:
    context = ChatContext()
    context.add_message(role="user", content="Hello")
    async with model.chat(chat_ctx=context) as stream:
        assert [chunk async for chunk in stream]


async def _transcribed(transcriber: stt.STT[Any], wav: Path, simulators: Simulators) -> str:
    """The first final transcript of a recording, which begins once somebody listens."""
    samples, rate = read_wav(wav)
    step = rate // 20
    sound = np.concatenate([np.zeros(rate // 2, np.int16), samples, np.zeros(rate * 2, np.int16)])
    async with transcriber.stream() as stream:

        async def play() -> None:
            await until(lambda: any(one.model == "nova-2" for one in simulators.requests), what="somebody listens")
            for start in range(0, len(sound) - step, step):
                stream.push_frame(rtc.AudioFrame(sound[start : start + step].tobytes(), rate, 1, step))
                await asyncio.sleep(0)

        playing = asyncio.create_task(play())
        try:
            async for event in stream:
                if event.type is stt.SpeechEventType.FINAL_TRANSCRIPT:
                    return event.alternatives[0].text
        finally:
            playing.cancel()
    raise AssertionError("nothing was heard")
