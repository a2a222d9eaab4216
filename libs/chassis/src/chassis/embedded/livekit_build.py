"""Gets a livekit-server: the one on PATH, the one built earlier, or one built now from its Go module, once per user.

LiveKit publishes no wheel. The build takes about two minutes on two cores (go_build.py).
"""

from collections.abc import Callable
from pathlib import Path

from chassis.embedded import go_build

VERSION = "1.13.5"
LIVEKIT = go_build.GoProgram(
    title="LiveKit server",
    file="livekit-server",
    package="github.com/livekit/livekit-server/cmd/server",
    built_as="server",
    version=VERSION,
    oldest_go=(1, 26),
    lasts="about two minutes",
)


class LiveKitUnavailable(Exception):
    """No LiveKit server can be had here; `reason` is one line for the terminal."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"no LiveKit server: {reason}")
        self.reason = reason


async def find_or_build(progress: Callable[[str], None]) -> Path:
    """The path of a livekit-server that can be run. `progress` gets a line every few seconds while it is being built.

    Bounded by 20 minutes. Raises LiveKitUnavailable.
    """
    try:
        return await go_build.find_or_build(LIVEKIT, progress)
    except go_build.BuildFailed as failed:
        raise LiveKitUnavailable(failed.reason) from failed
