"""What a definition asks for reaches the providers' plugins."""

import pytest
from livekit.agents import vad
from livekit.agents.utils import is_given

from contracts.commands.secrets import ProviderCredential
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
    made = the_models().llm(LlmChoice(temperature=0.5, max_output_tokens=64, top_p=0.9, parallel_tool_calls=False))
    options = vars(made)["_opts"]
    assert (options.temperature, options.max_completion_tokens) == (0.5, 64)
    assert (options.top_p, options.parallel_tool_calls) == (0.9, False)
    await made.aclose()


async def test_options_that_are_left_out_are_the_providers_own() -> None:
    made = the_models().llm(LlmChoice())
    options = vars(made)["_opts"]
    assert not any(map(is_given, (options.temperature, options.max_completion_tokens, options.top_p)))
    await made.aclose()


def test_a_customers_own_keys_take_the_place_of_the_deployments_where_there_are_any() -> None:
    deployment = Providers(openai=Provider("https://a", "k1"), cartesia=Provider("https://b", "k2"))
    own = deployment.with_keys({"openai": ProviderCredential(key="mine", base_url="https://c")}, payer="customer")
    assert own.openai == Provider("https://c", "mine", "customer")
    assert own.cartesia == deployment.cartesia
    assert [own.payer(name) for name in ("openai", "cartesia", "whoever")] == ["customer", "deployment", "deployment"]


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
