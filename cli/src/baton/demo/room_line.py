"""The demo's line through a real room: recorded speech out, measured sound in."""

from collections.abc import Callable

from baton.demo.hearing import Burst
from baton.demo.panel_manager import PanelManager
from baton.demo.participant import Participant
from baton.demo.script import Reply
from simulators.scenario import Scenario
from simulators.speech import speak

_HEAR_TIMEOUT_S = 28.0


class RoomLine:
    """A `Line` over a joined participant. `joined_s` is the monotonic time of joining, for the greeting's delay."""

    def __init__(
        self, *, participant: Participant, scenario: Scenario, joined_s: float, say_aloud: Callable[[str], None]
    ) -> None:
        self._participant, self._scenario, self._joined_s, self._tell = participant, scenario, joined_s, say_aloud
        self._heard = 0
        self.panels: PanelManager = participant.panels

    async def greeting(self) -> Reply:
        """The first burst of speech in the room."""
        return self._reply(await self._next(), self._joined_s)

    async def say(self, text: str, *, replies: int = 1) -> list[Reply]:
        """Speak the recording of `text`; the bursts that follow."""
        samples, _ = speak(text, scenario=self._scenario)
        self._tell(f"participant: {text}")
        self._heard = len(self._participant.hearing.bursts)
        await self._participant.say(samples)
        spoken_s = self._participant.stopped_speaking_s
        return [self._reply(await self._next(), spoken_s) for _ in range(replies)]

    @property
    def greeted_s(self) -> float:
        """The monotonic time of the first sound; raises IndexError before."""
        return self._participant.hearing.bursts[0].started_s

    async def wait_for_end(self) -> None:
        """The room is closed under us, or the agent has left it."""
        await self._participant.until_alone()

    async def _next(self) -> Burst:
        burst = await self._participant.hearing.next_burst(self._heard, timeout_s=_HEAR_TIMEOUT_S)
        self._heard += 1
        return burst

    def _reply(self, burst: Burst, since_s: float) -> Reply:
        pitch = f"{burst.pitch_hz:.0f} Hz" if burst.pitch_hz else "no pitch"
        self._tell(f"agent:       {burst.ended_s - burst.started_s:.1f} s of speech at {pitch}")
        return Reply(pitch_hz=burst.pitch_hz, after_s=burst.started_s - since_s)
