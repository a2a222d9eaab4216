"""The STT, LLM and TTS vendors, simulated at their own wire protocols on loopback.

For development, demos and tests: the real vendor plugins run against them unchanged, steered by base URLs alone.
What they answer depends on what they are asked and on what they hear, by the rules of a scenario file, and never
on a clock. They must never be started in production, nor keep audio.
"""

from simulators.scenario import Scenario, ScenarioError
from simulators.server import Simulators

__all__ = ["Scenario", "ScenarioError", "Simulators"]
