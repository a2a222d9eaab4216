"""What a definition asks for reaches the providers' plugins."""

import pytest
from livekit.agents import vad

from contracts.template_version import LlmChoice, SttChoice, VoiceChoice
from runtime.adapters.models import Provider, Providers, VoiceModels

pytestmark = pytest.mark.unit


class NoVoiceActivity(vad.VAD):
    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=0.1))

    def stream(self) -> vad.VADStream:
        raise NotImplementedError


def the_models() -> VoiceModels:
    at = Provider("http://127.0.0.1:1", "k")
    return VoiceModels(providers=Providers(openai=at, deepgram=at, cartesia=at), voice_activity=NoVoiceActivity())


async def test_options_of_the_model_reach_it() -> None:
    made = the_models().llm(LlmChoice(temperature=0.5, max_output_tokens=64))
    options = vars(made)["_opts"]
    assert (options.temperature, options.max_completion_tokens) == (0.5, 64)
    await made.aclose()


async def test_language_and_key_terms_reach_the_transcriber() -> None:
    made = the_models().stt(SttChoice(language="de"), keyterms=["Baton"])
    assert made is not None
    options = vars(made)["_opts"]
    assert (str(options.language), list(options.keyterm)) == ("de", ["Baton"])
    await made.aclose()


async def test_language_and_speed_reach_the_voice() -> None:
    made = the_models().tts(VoiceChoice(), language="de-AT", speed=1.25)
    assert made is not None
    options = vars(made)["_opts"]
    assert (str(options.language), options.speed) == ("de", 1.25)
    await made.aclose()
