"""The port to the participant's side: panels, typed words and presence, whatever carries them.

Adapters: adapters/livekit_surface.py over a room, adapters/local_surface.py in this process. An adapter passes on what
comes from the session's own participant and from nobody else.
"""

from typing import Any, Protocol

from contracts.panels import wire
from runtime.domain.panel_decisions import BadEvent


class SurfaceSilent(Exception):
    """No answer came from the participant's page; whether it acted is not known."""

    code = "no_answer"


class SurfaceListener(Protocol):
    """Who hears what the participant's side says. Called on the event loop; nothing here may block."""

    def panel_event(self, event: wire.PanelEvent | BadEvent) -> None:
        """Something happened in a panel."""

    async def panel_sync(self, held: wire.PanelSync) -> wire.PanelSyncAnswer:
        """The page met the agent anew. Raises PanelRefused."""

    def joined(self) -> None:
        """The participant is there."""

    def left(self) -> None:
        """The participant is not there any more, for now or for good."""

    def gone(self) -> None:
        """The place itself is gone: the room was closed, or this agent was put out of it."""


class Surface(Protocol):
    """What a conversation needs of the participant's side."""

    @property
    def present(self) -> bool:
        """Whether the participant is there now."""

    def listen(self, listener: SurfaceListener) -> None:
        """Once, before the conversation starts; says `joined` at once where the participant is there already."""

    async def call(self, method: str, request: wire.PanelRequest) -> wire.PanelAnswer:
        """Ask the page, within a bounded time, with the same `op_id` however often it takes. Raises SurfaceSilent."""

    def send_ack(self, seq: int) -> None:
        """Tell the page that its events up to `seq` are in the log; at once, and cumulative."""

    def start_options(self) -> dict[str, Any]:
        """What AgentSession.start needs to hear and speak here."""
