"""Sessions of a published template start while config does not answer."""

import contextlib
import os
import signal
from collections.abc import Iterator

import httpx
import pytest
from tests.e2e.conftest import until_closed
from tests.support.demo_lines import in_room, start_session
from tests.support.stack import Stack

from baton.demo.api import open_api
from simulators.voices import pitch_hz

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("split")]

TEMPLATE = "published-just-now"
DRAFT = {"name": "One voice", "agents": ["alone"], "initial_agent": "alone"}
AGENT = {
    "name": "Alone",
    "instructions": "You are triage.",
    "greeting": "Hello, config is asleep.",
    "voice": {"provider": "cartesia", "model": "sonic-3", "voice": "triage-voice"},
}


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """The process is there and does nothing: worse than dead, for it would be started again."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_published_template_starts_a_session_while_config_is_down(split: Stack) -> None:
    live = split.ready
    async with open_api(live) as api, httpx.AsyncClient(base_url=live.api_url, timeout=0.5) as impatient:
        headers = {"Authorization": f"Bearer {live.api_key}"}
        for path, body in (("/api/agents/alone", AGENT), (f"/api/templates/{TEMPLATE}", DRAFT)):
            assert (await impatient.put(path, json=body, headers=headers, timeout=10)).is_success
        await api.post(f"/api/templates/{TEMPLATE}/publish", {})
        with stopped(live.pids["config"]):
            with pytest.raises(httpx.ReadTimeout):
                await impatient.get(f"/api/templates/{TEMPLATE}", headers=headers)
            session = await start_session(api, template=TEMPLATE)
            async with in_room(session) as participant:
                burst = await participant.hearing.next_burst(0, timeout_s=20)
                assert burst.pitch_hz == pytest.approx(pitch_hz("triage-voice"), rel=0.06)
                await api.post(f"/api/session/{session['session_id']}/end", {})
                await until_closed(api, session["session_id"])
