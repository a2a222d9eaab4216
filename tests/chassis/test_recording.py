"""Envelopes are numbered without a gap, sealed once, and open only as what they are."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import sealing
from chassis.key_ring import KeyRing
from chassis.recording import Origin, Recorder, open_personal
from chassis.sealing import SealBroken
from contracts.commands.keys import KeyAnswer, KeyGone, KeyOpened, OpenKey
from contracts.envelope import InvalidCommit
from contracts.events.session import SessionStarted
from contracts.events.turn import UserSaid, Words
from contracts.ids import AgentId, CustomerId, KeyId, TurnId
from contracts.registry import decode_data

pytestmark = pytest.mark.unit

KEY = bytes(range(32))


class StoppedClock:
    def now(self) -> datetime:
        return datetime(2026, 11, 25, 10, 0, 0, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0


def a_recorder(*, key: bytes | None = KEY) -> Recorder:
    origin = Origin(
        customer=CustomerId("acme"), subject="ses_1", writer="run", source="test", keyid=KeyId("k1"), livemode=True
    )
    return Recorder(origin=origin, clock=StoppedClock(), key=key, last_n=4, epoch=2)


SAID = UserSaid(turn=TurnId("t1"), item_id="i1", agent=AgentId("triage"), modality="voice")


def test_events_are_numbered_on_and_stamped_by_the_clock() -> None:
    recorder = a_recorder()
    first, second = recorder.record(SessionStarted(agent=AgentId("triage"))), recorder.record(SAID)
    assert (first.n, second.n, recorder.last_n) == (5, 6, 6)
    assert (first.time, first.epoch, first.livemode) == ("2026-11-25T10:00:00.000001Z", 2, True)
    assert decode_data(second) == SAID


@given(st.text(max_size=500))
def test_words_are_sealed_and_open_to_themselves(words: str) -> None:
    envelope = a_recorder().record(SAID, Words(text=words))
    assert envelope.keyid == "k1"
    if len(words) > 3:
        assert words.encode("utf-8", "surrogatepass") not in envelope.personal + bytes(envelope.data)
    assert open_personal(envelope, KEY) == Words(text=words)


def test_a_blob_moved_to_another_event_does_not_open() -> None:
    recorder = a_recorder()
    one, other = recorder.record(SAID, Words(text="yes")), recorder.record(SAID, Words(text="no"))
    moved = msgspec.structs.replace(other, personal=one.personal)
    with pytest.raises(SealBroken):
        open_personal(moved, KEY)


def test_a_flipped_bit_or_another_key_does_not_open() -> None:
    envelope = a_recorder().record(SAID, Words(text="yes"))
    flipped = bytes([envelope.personal[0] ^ 1]) + envelope.personal[1:]
    with pytest.raises(SealBroken):
        open_personal(msgspec.structs.replace(envelope, personal=flipped), KEY)
    with pytest.raises(SealBroken):
        open_personal(envelope, sealing.new_key())


def test_too_large_data_takes_no_number() -> None:
    recorder = a_recorder()
    with pytest.raises(InvalidCommit):
        recorder.record(SessionStarted(agent=AgentId("x" * 70_000)))
    assert recorder.last_n == 4


def test_a_personal_part_without_a_key_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="needs a key"):
        a_recorder(key=None).record(SAID, Words(text="yes"))


async def test_a_key_is_asked_for_once_and_a_destroyed_one_reads_erased() -> None:
    asked: list[OpenKey] = []

    async def ask(question: OpenKey) -> KeyAnswer:
        asked.append(question)
        return KeyOpened(key=KEY) if question.keyid == "k1" else KeyGone(why="destroyed")

    ring = KeyRing(ask=ask, reader="test")
    envelope = a_recorder().record(SAID, Words(text="yes"))
    assert await ring.open(envelope) == Words(text="yes")
    assert await ring.open(envelope) == Words(text="yes")
    gone = msgspec.structs.replace(envelope, keyid=KeyId("k2"))
    assert await ring.open(gone) is None
    assert [question.keyid for question in asked] == ["k1", "k2"]
