"""Bursts of speech are told from silence by what arrives, and by what arrives no more."""

import asyncio

import numpy as np
import pytest
from tests.support.running import running

from baton.demo.hearing import RATE_HZ, Hearing

pytestmark = pytest.mark.unit

TONE = (8000 * np.sin(2 * np.pi * 150 * np.arange(RATE_HZ // 2) / RATE_HZ)).astype(np.int16)


async def spoken(hearing: Hearing) -> None:
    """Half a second of a tone, in frames of 10 ms and in real time."""
    for frame in np.split(TONE, 50):
        await hearing.frame(frame)
        await asyncio.sleep(0.01)


async def test_a_burst_ends_with_the_silence_after_it() -> None:
    hearing = Hearing()
    await spoken(hearing)
    assert hearing.speaking

    async def silence() -> None:
        while True:
            await hearing.frame(np.zeros(240, dtype=np.int16))
            await asyncio.sleep(0.01)

    async with running(silence()):
        burst = await hearing.next_burst(0, timeout_s=5)
    assert burst.pitch_hz == pytest.approx(150, rel=0.05)
    assert burst.ended_s - burst.started_s == pytest.approx(0.5, abs=0.4)


async def test_a_burst_ends_when_its_speaker_leaves() -> None:
    hearing = Hearing()
    async with running(hearing.watch()):
        await spoken(hearing)
        burst = await hearing.next_burst(0, timeout_s=5)
    assert burst.pitch_hz == pytest.approx(150, rel=0.05)
    assert not hearing.speaking


async def test_a_click_is_no_speech() -> None:
    hearing = Hearing()
    async with running(hearing.watch()):
        await hearing.frame(TONE[:240])
        with pytest.raises(TimeoutError):
            await hearing.next_burst(0, timeout_s=1.5)
    assert hearing.bursts == []
