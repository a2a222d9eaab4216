"""The parts that the runtime's tests share: simulated providers, and a worker beside a real LiveKit server."""

from collections.abc import AsyncIterator

import pytest

from simulators import Simulators
from simulators.scenario import DEMO, load


@pytest.fixture
async def simulators() -> AsyncIterator[Simulators]:
    """The demo's scenario."""
    async with Simulators(scenario=load(DEMO)) as running:
        yield running
