"""The spill file: what a killed process had not got into the log yet is still there to read."""

import asyncio
import contextlib
import stat
from pathlib import Path

import pytest
from tests.support.envelopes import CUSTOMER, a_session, a_subject, an_event

from chassis.clock import SystemClock
from chassis.memory.event_log import MemoryEventLog
from chassis.outbox import Outbox
from chassis.spill import Spill, SpillBroken, SpillContents, SpillHeader, read_spill
from contracts.envelope import encode_commit
from contracts.subjects import Log

pytestmark = pytest.mark.unit

BOUND_S = 10.0


def a_header(**changes: object) -> SpillHeader:
    session = a_session()
    header = {"log": Log.SESSIONS, "subject": a_subject(session), "customer": CUSTOMER, "session": session}
    return SpillHeader(**(header | {"epoch": 1, "revision": 0} | changes))  # type: ignore[arg-type]


def raw(n: int, *, text: str = "") -> bytes:
    return encode_commit([an_event(n, text=text)])[1:-1]


async def until_holds(path: Path, count: int) -> SpillContents:
    async with asyncio.timeout(BOUND_S):
        while True:
            with contextlib.suppress(FileNotFoundError, SpillBroken):  # it has not begun
                contents = read_spill(path)
                if len(contents.envelopes) == count:
                    return contents
            await asyncio.sleep(0.005)


async def test_what_is_written_is_read_back_byte_for_byte(tmp_path: Path) -> None:
    header = a_header()
    spill = Spill(tmp_path / "job.spill", header)
    spill.start()
    encoded = [raw(1), raw(2)]
    for n, one in enumerate(encoded, 1):
        spill.write(n, one)
    contents = await until_holds(spill.path, 2)
    assert (contents.header, contents.encoded) == (header, encoded)
    assert [event.n for event in contents.envelopes] == [1, 2]
    await spill.close()


async def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "job.spill", a_header())
    spill.start()
    await spill.close()
    assert stat.S_IMODE(spill.path.stat().st_mode) == 0o600


async def test_what_the_log_has_is_forgotten(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "job.spill", a_header())
    spill.start()
    spill.write(1, raw(1))
    spill.write(2, raw(2))
    await until_holds(spill.path, 2)
    spill.acked(2)
    await until_holds(spill.path, 0)
    spill.write(3, raw(3))
    assert [event.n for event in (await until_holds(spill.path, 1)).envelopes] == [3]
    await spill.close()


async def test_a_long_one_is_compacted_while_some_of_it_is_still_needed(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "job.spill", a_header())
    spill.start()
    for n in range(1, 102):
        spill.write(n, raw(n, text="x" * 60_000))
    await until_holds(spill.path, 101)
    spill.acked(99)
    contents = await until_holds(spill.path, 2)
    assert [event.n for event in contents.envelopes] == [100, 101]
    assert spill.path.stat().st_size < 200_000
    spill.write(102, raw(102))
    await until_holds(spill.path, 3)
    await spill.close()
    assert stat.S_IMODE(spill.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("lost", [1, 5, 100])
async def test_a_torn_end_is_passed_over(tmp_path: Path, lost: int) -> None:
    spill = Spill(tmp_path / "job.spill", a_header())
    spill.start()
    spill.write(1, raw(1))
    spill.write(2, raw(2))
    await spill.close()
    content = spill.path.read_bytes()
    spill.path.write_bytes(content[:-lost])
    assert [event.n for event in read_spill(spill.path).envelopes] == [1]


async def test_a_flipped_bit_ends_the_reading(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "job.spill", a_header())
    spill.start()
    spill.write(1, raw(1))
    spill.write(2, raw(2))
    await spill.close()
    content = bytearray(spill.path.read_bytes())
    content[-20] ^= 1
    spill.path.write_bytes(content)
    assert [event.n for event in read_spill(spill.path).envelopes] == [1]


@pytest.mark.parametrize("content", [b"", b"\0", b"something else entirely"])
def test_a_file_that_is_no_spill_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "job.spill"
    path.write_bytes(content)
    with pytest.raises(SpillBroken):
        read_spill(path)


async def test_a_disk_that_fails_costs_the_spill_and_nothing_else(tmp_path: Path) -> None:
    header, log = a_header(), MemoryEventLog()
    spill = Spill(tmp_path / "no such folder" / "job.spill", header)
    spill.start()
    outbox = Outbox(
        log=log, log_name=Log.SESSIONS, subject=header.subject, revision=0, clock=SystemClock(), spill=spill
    )
    publishing = asyncio.create_task(outbox.run())
    outbox.put(an_event(1))
    await outbox.drain(BOUND_S)
    publishing.cancel()
    await asyncio.gather(publishing, return_exceptions=True)
    await spill.close()
    assert await log.end(Log.SESSIONS) == 1


async def test_an_outbox_spills_what_the_log_does_not_take(tmp_path: Path) -> None:
    header, log = a_header(), MemoryEventLog()
    spill = Spill(tmp_path / "job.spill", header)
    spill.start()
    outbox = Outbox(
        log=log, log_name=Log.SESSIONS, subject=header.subject, revision=0, clock=SystemClock(), spill=spill
    )
    log.pause()
    publishing = asyncio.create_task(outbox.run())
    outbox.put(an_event(1))
    outbox.put(an_event(2))
    await until_holds(spill.path, 2)
    log.resume()
    await outbox.drain(BOUND_S)
    await until_holds(spill.path, 0)
    publishing.cancel()
    await asyncio.gather(publishing, return_exceptions=True)
    await spill.close()
    spill.remove()
    with pytest.raises(FileNotFoundError):
        read_spill(spill.path)
