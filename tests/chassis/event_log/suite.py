"""What every event log does: the one suite that memory, one node and three nodes pass.

Each has a module of its own, with a fixture `log` (an empty one) and a subclass of `EventLogBehaviour`.
"""

import asyncio
import contextlib

import pytest
from tests.support.envelopes import CUSTOMER, a_session, a_subject, an_event

from chassis.event_log import Commit, EventLog, RevisionConflict, recorded
from contracts.envelope import MAX_COMMIT_BYTES, InvalidCommit, decode_commit, encode_commit
from contracts.ids import InvalidId
from contracts.subjects import Log, Writer, session_filter

TIMEOUT_S = 20


async def collect(
    log: EventLog, count: int, *, after: int = 0, subject: str | None = None, timeout_s: float = TIMEOUT_S
) -> list[Commit]:
    """The first `count` commits of a tail."""
    found: list[Commit] = []
    async with (
        asyncio.timeout(timeout_s),
        contextlib.aclosing(log.tail(Log.SESSIONS, after=after, subject=subject)) as tail,  # type: ignore[type-var]
    ):
        async for batch in tail:
            assert batch
            found += batch
            if len(found) >= count:
                break
    return found


async def read(log: EventLog, subject: str, *, after: int = 0) -> list[Commit]:
    async with asyncio.timeout(TIMEOUT_S):
        return [commit async for commit in log.read(Log.SESSIONS, subject, after=after)]


class EventLogBehaviour:
    async def test_an_append_to_an_empty_stream_expects_zero_and_returns_the_last_events_position(
        self, log: EventLog
    ) -> None:
        position = await log.append(Log.SESSIONS, a_subject(), [an_event(1), an_event(2)], expected=0)
        assert (position.log, position.sequence, position.index) == (Log.SESSIONS, 1, 1)
        assert position.incarnation == await log.incarnation(Log.SESSIONS)
        assert 0 <= position.partition < 64

    async def test_each_append_expects_the_sequence_of_the_one_before(self, log: EventLog) -> None:
        subject = a_subject()
        first = await log.append(Log.SESSIONS, subject, [an_event(1)], expected=0)
        await log.append(Log.SESSIONS, a_subject(), [an_event(1)], expected=0)
        second = await log.append(Log.SESSIONS, subject, [an_event(2)], expected=first.sequence)
        assert second.order > first.order

    @pytest.mark.parametrize("expected", [0, 2, 9])
    async def test_a_wrong_expectation_is_a_conflict_that_names_the_revision(
        self, log: EventLog, expected: int
    ) -> None:
        subject = a_subject()
        await log.append(Log.SESSIONS, subject, [an_event(1)], expected=0)
        with pytest.raises(RevisionConflict) as caught:
            await log.append(Log.SESSIONS, subject, [an_event(2)], expected=expected)
        assert (caught.value.expected, caught.value.actual) == (expected, 1)
        assert await log.end(Log.SESSIONS) == 1

    async def test_the_same_commit_again_returns_its_first_position(self, log: EventLog) -> None:
        subject, events = a_subject(), [an_event(1), an_event(2)]
        first = await log.append(Log.SESSIONS, subject, events, expected=0)
        assert await log.append(Log.SESSIONS, subject, events, expected=0) == first
        assert await log.end(Log.SESSIONS) == 1

    async def test_the_same_commit_again_is_found_even_when_others_have_appended_since(self, log: EventLog) -> None:
        subject, events = a_subject(), [an_event(1)]
        first = await log.append(Log.SESSIONS, subject, events, expected=0)
        await log.append(Log.SESSIONS, subject, [an_event(2)], expected=first.sequence)
        assert await log.append(Log.SESSIONS, subject, events, expected=0) == first

    async def test_the_same_message_id_with_other_content_is_never_taken_for_the_first(self, log: EventLog) -> None:
        subject, event = a_subject(), an_event(1, text="one")
        first = await log.append(Log.SESSIONS, subject, [event], expected=0)
        other = an_event(1, text="another", id=event.id)
        with pytest.raises(RevisionConflict):
            await log.append(Log.SESSIONS, subject, [other], expected=0)
        with pytest.raises(InvalidCommit):
            await log.append(Log.SESSIONS, subject, [other], expected=first.sequence)
        assert await log.end(Log.SESSIONS) == 1

    async def test_a_message_id_of_another_stream_is_refused_not_swallowed(self, log: EventLog) -> None:
        event = an_event(1)
        await log.append(Log.SESSIONS, a_subject(), [event], expected=0)
        with pytest.raises(InvalidCommit):
            await log.append(Log.SESSIONS, a_subject(), [event], expected=0)

    async def test_of_racing_writers_exactly_one_wins(self, log: EventLog) -> None:
        subject = a_subject()
        racers = [log.append(Log.SESSIONS, subject, [an_event(1)], expected=0) for _ in range(16)]
        answers = await asyncio.gather(*racers, return_exceptions=True)
        assert sum(isinstance(answer, RevisionConflict) for answer in answers) == 15
        assert len(await read(log, subject)) == 1

    async def test_what_is_stored_is_what_was_encoded_byte_for_byte(self, log: EventLog) -> None:
        subject, events = a_subject(), [an_event(1, text='Zürich ☂ "quoted"'), an_event(2)]
        payload = encode_commit(events)
        await log.append_bytes(Log.SESSIONS, subject, payload, message_id=events[0].id, expected=0)
        last = await log.last(Log.SESSIONS, subject)
        assert last is not None
        [stored] = await read(log, subject)
        assert stored == last
        assert stored.payload == payload
        assert decode_commit(stored.payload) == events

    async def test_the_last_commit_of_an_empty_stream_is_none(self, log: EventLog) -> None:
        assert await log.last(Log.SESSIONS, a_subject()) is None
        assert await read(log, a_subject()) == []
        assert await log.end(Log.SESSIONS) == 0

    async def test_reading_brings_one_stream_in_order_from_behind_a_sequence(self, log: EventLog) -> None:
        subject, revision = a_subject(), 0
        for n in range(1, 6):
            revision = (await log.append(Log.SESSIONS, subject, [an_event(n)], expected=revision)).sequence
            await log.append(Log.SESSIONS, a_subject(), [an_event(1)], expected=0)
        commits = await read(log, subject)
        assert [commit.sequence for commit in commits] == [1, 3, 5, 7, 9]
        assert [commit.sequence for commit in await read(log, subject, after=3)] == [5, 7, 9]
        assert await read(log, subject, after=9) == []

    async def test_reading_a_filter_brings_all_writers_of_a_session(self, log: EventLog) -> None:
        session = a_session()
        for writer in (Writer.ADMISSION, Writer.RUN):
            await log.append(Log.SESSIONS, a_subject(session, writer), [an_event(1)], expected=0)
        await log.append(Log.SESSIONS, a_subject(), [an_event(1)], expected=0)
        commits = await read(log, session_filter(CUSTOMER, session))
        assert [commit.subject.rpartition(".")[2] for commit in commits] == ["admission", "run"]

    async def test_reading_right_after_an_append_sees_it(self, log: EventLog) -> None:
        subject, revision = a_subject(), 0
        for n in range(1, 21):
            revision = (await log.append(Log.SESSIONS, subject, [an_event(n)], expected=revision)).sequence
            assert (await read(log, subject, after=revision - 1))[-1].sequence == revision

    async def test_a_long_stream_is_read_whole(self, log: EventLog) -> None:
        await append_many(log, [a_subject() for _ in range(50)], per_subject=50)
        commits = await read(log, "evt.>")
        assert [commit.sequence for commit in commits] == list(range(1, 2501))

    async def test_positions_order_events_within_and_across_commits(self, log: EventLog) -> None:
        subject = a_subject()
        first = await log.append(Log.SESSIONS, subject, [an_event(1), an_event(2)], expected=0)
        second = await log.append(Log.SESSIONS, subject, [an_event(3)], expected=first.sequence)
        incarnation = await log.incarnation(Log.SESSIONS)
        events = [event for commit in await read(log, subject) for event in recorded(commit, incarnation)]
        assert [event.envelope.n for event in sorted(events, key=lambda one: one.position.order)] == [1, 2, 3]
        assert [events[1].position, events[2].position] == [first, second]

    async def test_commits_say_when_they_were_stored(self, log: EventLog) -> None:
        subject = a_subject()
        await log.append(Log.SESSIONS, subject, [an_event(1)], expected=0)
        [tailed] = await collect(log, 1)
        last = await log.last(Log.SESSIONS, subject)
        assert tailed == last
        assert tailed.stored_ns > 1_700_000_000 * 10**9

    async def test_a_tail_brings_everything_after_a_position_once_and_in_order_while_others_append(
        self, log: EventLog
    ) -> None:
        await append_many(log, [a_subject() for _ in range(5)], per_subject=4)
        async with asyncio.TaskGroup() as group:
            tailing = group.create_task(collect(log, 210, after=10))
            group.create_task(append_many(log, [a_subject() for _ in range(20)], per_subject=10))
        assert [commit.sequence for commit in tailing.result()] == list(range(11, 221))

    async def test_a_tail_of_one_session_passes_over_the_others(self, log: EventLog) -> None:
        session = a_session()
        await append_many(log, [a_subject(), a_subject(session), a_subject()], per_subject=3)
        commits = await collect(log, 3, subject=session_filter(CUSTOMER, session))
        assert {commit.subject for commit in commits} == {a_subject(session)}
        assert len(commits) == 3

    async def test_a_commit_over_the_bound_is_refused_and_nothing_is_stored(self, log: EventLog) -> None:
        subject, event = a_subject(), an_event(1, text="x" * MAX_COMMIT_BYTES)
        with pytest.raises(InvalidCommit):
            await log.append(Log.SESSIONS, subject, [event], expected=0)
        with pytest.raises(InvalidCommit):
            await log.append_bytes(Log.SESSIONS, subject, b"x" * (MAX_COMMIT_BYTES + 1), message_id="m", expected=0)
        assert await log.end(Log.SESSIONS) == 0

    async def test_a_commit_at_the_bound_is_stored(self, log: EventLog) -> None:
        subject, room = a_subject(), MAX_COMMIT_BYTES - len(encode_commit([an_event(1, text="x")])) + 1
        payload = encode_commit([event := an_event(1, text="x" * room)])
        assert len(payload) == MAX_COMMIT_BYTES
        await log.append_bytes(Log.SESSIONS, subject, payload, message_id=event.id, expected=0)
        assert [commit.payload for commit in await read(log, subject)] == [payload]

    @pytest.mark.parametrize(
        "subject",
        ["evt.1.acme.*.run", "evt.1.acme.a.b.>", "evt.1.ac me.s.run", "evt.1..s.run", "cfg.acme.agent.a", "evt"],
    )
    async def test_a_subject_that_is_not_one_of_the_logs_is_refused(self, log: EventLog, subject: str) -> None:
        with pytest.raises(InvalidId):
            await log.append(Log.SESSIONS, subject, [an_event(1)], expected=0)
        assert await log.end(Log.SESSIONS) == 0

    async def test_an_empty_commit_is_refused(self, log: EventLog) -> None:
        with pytest.raises(InvalidCommit):
            await log.append(Log.SESSIONS, a_subject(), [], expected=0)

    async def test_logs_count_for_themselves(self, log: EventLog) -> None:
        await log.append(Log.SESSIONS, a_subject(), [an_event(1)], expected=0)
        position = await log.append(Log.CONFIG, "cfg.acme.agent.a_1", [an_event(1)], expected=0)
        assert (position.sequence, position.partition) == (1, -1)


async def append_many(log: EventLog, subjects: list[str], *, per_subject: int) -> None:
    async def fill(subject: str) -> None:
        revision = 0
        for n in range(1, per_subject + 1):
            revision = (await log.append(Log.SESSIONS, subject, [an_event(n)], expected=revision)).sequence

    async with asyncio.TaskGroup() as group:
        for subject in subjects:
            group.create_task(fill(subject))
