"""The simulators, running, and the sounds that the tests play to them."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from simulators import Scenario, Simulators
from simulators.scenario import DEMO, load
from simulators.speech import Samples, read_wav


@pytest.fixture(scope="session")
def demo() -> Scenario:
    return load(DEMO)


@pytest.fixture
async def simulators(demo: Scenario) -> AsyncIterator[Simulators]:
    async with Simulators(scenario=demo) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture(scope="session")
def recordings(demo: Scenario) -> dict[str, Samples]:
    """Text of each demo utterance → its recording at 16 kHz, half a second of silence before and a second after it."""
    return {each.text: padded(read_wav(Path(each.wav))[0]) for each in demo.utterances}


def padded(samples: Samples) -> Samples:
    return np.concatenate([np.zeros(8_000, np.int16), samples, np.zeros(16_000, np.int16)])
