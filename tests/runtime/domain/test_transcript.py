"""What is made of the SDK's numbers."""

import pytest

from contracts.events.turn import Latency
from runtime.domain import transcript

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.0165, 16), (0, 0), (-1, None), (None, None), (True, None), ("1", None)]
)
def test_seconds_become_whole_milliseconds(seconds: object, expected: int | None) -> None:
    assert transcript.milliseconds(seconds) == expected


def test_a_stage_that_was_not_measured_is_absent() -> None:
    user = {"transcription_delay": 0.1, "end_of_turn_delay": 0.4}
    agent = {"llm_node_ttft": 0.25, "e2e_latency": 0.9}
    assert transcript.latency(user=user, agent=agent) == Latency(stt=100, eou=400, llm_ttft=250, e2e=900)


def test_cached_tokens_are_counted_once() -> None:
    used = transcript.llm_quantities(prompt_tokens=100, cached_tokens=30, output_tokens=7)
    assert used == {"input_tokens": 70, "cached_tokens": 30, "output_tokens": 7}


def test_speech_has_a_length_and_typing_has_none() -> None:
    assert transcript.speech_ms({"started_speaking_at": 100.0, "stopped_speaking_at": 101.5}) == 1500
    assert transcript.speech_ms({}) is None


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("api.openai.com", "openai"),
        ("127.0.0.1:44999", "fallback"),
        ("Deepgram", "deepgram"),
        ("Cartesia", "cartesia"),
        ("my-resource.openai.azure.com", "openai"),
        ("", "fallback"),
        ("evil-openai-lookalike", "openai"),
    ],
)
def test_a_provider_is_known_by_its_id(label: str, expected: str) -> None:
    assert transcript.provider_id(label, fallback="fallback") == expected
