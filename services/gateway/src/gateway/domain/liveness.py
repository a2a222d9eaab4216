"""Who is still beating. A silent job is believed lost only by a watcher that hears itself, and others.

Times are monotonic seconds. Rules: design §3.5. A lease in a store would not do: a leader change can empty it, and
would evict every call at once.
"""

from gateway.domain.reconcile import Pulse

SILENT_S = 3.0
ECHO_S = 1.5
_FORGET_S = 60.0

Beat = tuple[str, int]
"""(session, epoch)."""


class Listening:
    """What one watcher has heard. `echo` is how it hears itself; a gap in it starts every silence anew."""

    def __init__(self, *, now_s: float) -> None:
        self._heard: dict[Beat, float] = {}
        self._awaited: dict[Beat, float] = {}
        self._echo_s = float("-inf")
        self._echo_since_s = now_s

    def hear(self, session: str, epoch: int, now_s: float) -> None:
        """A job beat."""
        self._heard[session, epoch] = now_s

    def echo(self, now_s: float) -> None:
        """Our own beat came back."""
        if now_s - self._echo_s > ECHO_S:
            self._echo_since_s = now_s
        self._echo_s = now_s

    def pulse(self, session: str, epoch: int, now_s: float) -> tuple[Pulse, float]:
        """The pulse of a claimed epoch, and for how many seconds it has been silent while we could hear."""
        beat = (session, epoch)
        last_s = self._heard.get(beat)
        if last_s is not None and now_s - last_s < SILENT_S:
            return "alive", 0
        if now_s - self._echo_s > ECHO_S:
            return "deaf", 0
        awaited_s = self._awaited.setdefault(beat, now_s)
        silent_s = now_s - max(awaited_s if last_s is None else last_s, self._echo_since_s)
        if silent_s < SILENT_S:
            return "alive", silent_s
        return ("silent" if self._others(beat, now_s) else "all_silent"), silent_s

    def forget(self, now_s: float) -> None:
        """Drop what has been silent for a minute and nobody asks about."""
        self._heard = {beat: at for beat, at in self._heard.items() if now_s - at < _FORGET_S}
        if len(self._awaited) > 10_000:
            self._awaited.clear()

    def _others(self, beat: Beat, now_s: float) -> bool:
        return any(now_s - at < SILENT_S for other, at in self._heard.items() if other != beat)
