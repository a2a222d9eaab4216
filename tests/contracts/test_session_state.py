"""The fold that says what a session's events mean, and the digest that proves it."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.scripted_session import KEY, ScriptedSession, folded

from chassis.recording import open_personal
from contracts.envelope import Envelope
from contracts.events import context, handoff, panel, session, tool, turn, usage
from contracts.ids import AgentId, ApiKeyId, PanelId, TemplateId, TurnId, VersionHash
from contracts.registry import EventData, Personal, event_types
from contracts.session_state import SessionState, digest, evolve, fact
from contracts.subjects import Writer
from contracts.template_version import Limits, ModalityProfile

pytestmark = pytest.mark.unit

FIXTURES = Path(__file__).parents[2] / "contracts" / "fixtures" / "events"
SESSION_FAMILIES = ("session.", "context.", "turn.", "handoff.", "tool.", "panel.", "usage.")

TRIAGE, CODER, IDE = AgentId("triage"), AgentId("coder"), PanelId("coding_ide")
EDITOR = {"language": "python", "code": "for i in range(1, n):", "highlights": []}

Told = tuple[Writer, EventData, Personal | None]


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def said(words: str, *, item: str, by: AgentId | None = None, interrupted: bool = False) -> Told:
    spoken: EventData
    if by is None:
        spoken = turn.UserSaid(turn=TurnId("t1"), item_id=item, agent=TRIAGE, modality="voice")
    else:
        spoken = turn.AgentSaid(turn=TurnId("t1"), item_id=item, agent=by, interrupted=interrupted)
    return Writer.RUN, spoken, turn.Words(text=words)


def changed(rev: int, seq: int, patch: dict[str, object]) -> Told:
    event = panel.PanelChanged(panel=IDE, instance="p1", rev=rev, event="code_changed", origin="user", seq=seq)
    return Writer.RUN, event, panel.PanelPatch(patch=raw(patch))


A_CALL: list[Told] = [
    (
        Writer.ADMISSION,
        session.SessionRequested(
            template_id=TemplateId("tpl_1"),
            version=VersionHash("0" * 64),
            api_key=ApiKeyId("ak_1"),
            user_id="u",
            identity="user-1",
            room="ses_1",
            modality_profile=ModalityProfile(),
            limits=Limits(),
        ),
        session.UserPersonal(name="Ada"),
    ),
    (Writer.ADMISSION, session.SessionDispatched(epoch=1, room="ses_1"), None),
    (Writer.ADMISSION, session.TokenIssued(identity="user-1", ttl_s=600), None),
    (Writer.ADMISSION, session.RoomStarted(room="ses_1", room_sid="RM_1"), None),
    (Writer.RUN, session.JobClaimed(epoch=1, job_id="job_1", worker_id="w", participant="agent-1"), None),
    (Writer.ADMISSION, session.ParticipantJoined(identity="user-1", participant_sid="PA_1", kind="user"), None),
    (Writer.RUN, session.SessionStarted(agent=TRIAGE), None),
    said("Hello!", item="i1", by=TRIAGE),
    said("My loop is off.", item="i2"),
    (
        Writer.RUN,
        usage.LlmUsed(provider="openai", model="m", agent=TRIAGE, turn=TurnId("t1"), quantities={"input_tokens": 7}),
        None,
    ),
    (Writer.RUN, handoff.HandoffRequested(call_id="c1", from_agent=TRIAGE, to_agent=CODER, policy="full"), None),
    (
        Writer.RUN,
        handoff.HandoffCompleted(call_id="c1", from_agent=TRIAGE, to_agent=CODER, policy="full", item_id="i3", ms=16),
        handoff.HandoffSummary(summary="A loop."),
    ),
    said("Show me.", item="i4", by=CODER, interrupted=True),
    (
        Writer.RUN,
        tool.ToolCalled(call_id="c2", name="open_coding_ide", agent=CODER, turn=TurnId("t1")),
        tool.ToolArguments(arguments="{}"),
    ),
    (
        Writer.RUN,
        panel.PanelOpened(panel=IDE, instance="p1", kind_version=1, rev=1, op_id="o1", by="agent"),
        panel.PanelContent(state=raw(EDITOR)),
    ),
    (Writer.RUN, tool.ToolCompleted(call_id="c2", name="open_coding_ide", ms=9), tool.ToolResult(result="open")),
    changed(2, 1, {"code": "for i in range(n):"}),
    (Writer.RUN, panel.PanelRejected(panel="coding_ide", why="bad_schema", seq=2), None),
    changed(3, 3, {"highlights": [1]}),
    (
        Writer.RUN,
        context.ContextChanged(area="profile", key="level", by="coder"),
        context.ContextPersonal(after=raw("beginner")),
    ),
    (
        Writer.RUN,
        usage.LlmUsed(provider="openai", model="m", agent=CODER, turn=TurnId("t1"), quantities={"input_tokens": 5}),
        None,
    ),
    (Writer.RUN, session.UserAway(cause="left"), None),
    (Writer.RUN, session.UserReturned(away_ms=300), None),
    (Writer.RUN, panel.PanelClosed(panel=IDE, instance="p1", rev=4, by="user", seq=4), None),
    (Writer.RUN, session.SessionEnded(reason="user_left", duration_ms=60_000), None),
    (Writer.ADMISSION, session.ParticipantLeft(identity="user-1", participant_sid="PA_1", kind="user"), None),
    (Writer.ADMISSION, session.RoomFinished(room="ses_1"), None),
    (Writer.ADMISSION, session.SessionClosed(reason="user_left"), None),
]


WITHOUT_LASTING_TRACE = {
    "session.started",  # its agent has handed over since
    "handoff.requested",  # for readers
    "panel.rejected",  # its `seq` is passed by a later one
    "session.user_away",  # and returned
}
"""Events of the call after which the state goes on as if they had not been; a gap in `n` still shows each of them."""


def told(script: list[Told] = A_CALL) -> list[Envelope]:
    recording = ScriptedSession()
    for writer, data, personal in script:
        recording.tell(writer, data, personal)
    return recording.events


def test_a_scripted_call_folds_to_the_state_that_it_says() -> None:
    state = folded(told())
    run, admission = state.run, state.admission
    assert state.status == "closed"
    assert (run.phase, run.end, run.agent, run.epoch, run.job_id) == ("ended", "user_left", CODER, 1, "job_1")
    assert [(item.kind, item.id, item.text) for item in run.items] == [
        ("agent", "i1", "Hello!"),
        ("user", "i2", "My loop is off."),
        ("handoff", "i3", "A loop."),
        ("agent", "i4", "Show me."),
        ("tool", "c2", "{}"),
    ]
    assert (run.items[3].interrupted, run.items[4].outcome, run.items[4].result) == (True, "completed", "open")
    editor = run.panels[IDE]
    assert (editor.open, editor.rev, run.panel_seq) == (False, 4, 4)
    assert editor.state == {"language": "python", "code": "for i in range(n):", "highlights": [1]}
    assert (run.user_turns, run.handoffs, run.usage) == (1, 1, {"llm.input_tokens": 12})
    assert (run.away, run.context_values, list(run.context)) == (
        False,
        {"profile.level": "beginner"},
        ["profile.level"],
    )
    assert admission.user is not None
    assert (admission.user.name, admission.epoch, admission.tokens, admission.room_sid) == ("Ada", 1, 1, "RM_1")
    assert (admission.user_joined, admission.present, admission.room_finished) == (True, {}, True)
    assert (run.last_n, admission.last_n) == (20, 8)


def test_the_status_goes_from_unknown_to_closed_in_one_direction() -> None:
    state, seen = SessionState(), ["unknown"]
    for envelope in told():
        state = evolve(state, fact(envelope))
        if state.status != seen[-1]:
            seen.append(state.status)
    assert seen == ["unknown", "waiting", "live", "ended", "closed"]


def test_a_session_that_never_began_is_refused() -> None:
    recording = ScriptedSession()
    recording.tell(Writer.ADMISSION, session.SessionRefused(reason="expired"))
    assert folded(recording.events).status == "refused"


def test_the_digest_does_not_depend_on_what_could_be_opened() -> None:
    events = told()
    for length in range(len(events) + 1):
        opened, sealed = folded(events[:length]), folded(events[:length], opened=False)
        assert digest(opened.run) == digest(sealed.run)


def test_nothing_that_was_said_is_in_a_state_folded_without_the_key() -> None:
    text = msgspec.json.encode(folded(told(), opened=False)).decode()
    for words in ("Hello!", "My loop is off.", "range", "beginner", "Ada", "A loop."):
        assert words not in text


RUN_EVENTS = [number for number, (writer, _, _) in enumerate(A_CALL) if writer == Writer.RUN]


@pytest.mark.parametrize("dropped", RUN_EVENTS)
def test_the_digest_right_after_a_run_event_tells_whether_it_was_there(dropped: int) -> None:
    events = told()[: dropped + 1]
    assert digest(folded(events).run) != digest(folded(events[:-1]).run)


@pytest.mark.parametrize("dropped", RUN_EVENTS)
def test_the_last_digest_tells_of_a_missing_event_that_left_a_lasting_trace(dropped: int) -> None:
    events = told()
    remaining = [event for event in events if event is not events[dropped]]
    differs = digest(folded(remaining).run) != digest(folded(events).run)
    assert differs == (events[dropped].type not in WITHOUT_LASTING_TRACE)


def test_a_gap_shows_in_n_whether_or_not_the_event_left_a_trace() -> None:
    complete = [e for e in told() if e.writer == Writer.RUN]
    for dropped in complete:
        numbers = [e.n for e in complete if e is not dropped]
        assert numbers != list(range(1, len(complete) + 1))


def test_the_digest_changes_with_one_byte_of_what_was_sealed() -> None:
    one = told([(Writer.RUN, session.SessionStarted(agent=TRIAGE), None), said("Hello!", item="i1")])
    other = [one[0], msgspec.structs.replace(one[1], personal=one[1].personal[:-1] + b"\x00")]
    assert digest(folded(one, opened=False).run) != digest(folded(other, opened=False).run)


def test_admission_events_do_not_touch_the_digest() -> None:
    events = told()
    assert digest(folded(events).run) == digest(folded([e for e in events if e.writer == Writer.RUN]).run)


@given(st.lists(st.integers(0, 20), min_size=8, max_size=8))
def test_how_the_two_writers_interleave_changes_nothing(places: list[int]) -> None:
    events = told()
    run = [event for event in events if event.writer == Writer.RUN]
    mixed: list[Envelope] = []
    done = 0
    for admission, place in zip((e for e in events if e.writer == Writer.ADMISSION), sorted(places), strict=True):
        mixed += [*run[done:place], admission]
        done = max(done, place)
    assert folded(mixed + run[done:]) == folded(events)


def test_what_came_late_changes_nothing() -> None:
    events = told()
    recording = ScriptedSession()
    late = [recording.tell(Writer.LATE, data, personal) for _, data, personal in A_CALL if personal is None]
    for at in (0, 7, len(events)):
        assert folded(events[:at] + late + events[at:]) == folded(events)


def test_folding_in_two_steps_is_folding_in_one() -> None:
    events = told()
    for at in range(len(events)):
        assert folded(events[at:], state=folded(events[:at])) == folded(events)


def test_a_state_survives_being_stored_as_json() -> None:
    state = folded(told())
    again = msgspec.json.decode(msgspec.json.encode(state), type=SessionState)
    assert again == state
    assert digest(again.run) == digest(state.run)


@pytest.mark.parametrize(
    "kind", [k for k in event_types() if k.name.startswith(SESSION_FAMILIES)], ids=lambda k: f"{k.name}.v{k.v}"
)
@pytest.mark.parametrize("before", [0, 7, len(A_CALL)])
def test_every_fixture_of_a_session_folds_onto_any_state(kind: object, before: int) -> None:
    name = f"{getattr(kind, 'name')}.v{getattr(kind, 'v')}.json"  # noqa: B009
    fixture = json.loads((FIXTURES / name).read_bytes())
    envelope = msgspec.json.decode(json.dumps(fixture["envelope"], separators=(",", ":")), type=Envelope)
    personal = open_personal(envelope, KEY) if envelope.personal else None
    state = folded(told()[:before])
    after = evolve(state, fact(envelope, personal))
    assert {after.run.last_n, after.admission.last_n} & {envelope.n}
    assert digest(evolve(state, fact(envelope)).run) == digest(after.run)
    _holds_no_float_nor_huge_integer(msgspec.to_builtins(after))


def test_an_unknown_panel_can_change_and_close_without_harm() -> None:
    events = told(
        [changed(2, 1, {"code": ""}), (Writer.RUN, panel.PanelClosed(panel=IDE, instance="p1", rev=3, by="user"), None)]
    )
    assert folded(events).run.panels == {}


def _holds_no_float_nor_huge_integer(value: object) -> None:
    match value:
        case dict():
            for inner in value.values():
                _holds_no_float_nor_huge_integer(inner)
        case list() | tuple():
            for inner in value:
                _holds_no_float_nor_huge_integer(inner)
        case float():
            raise AssertionError(f"{value!r} is a float")
        case int():
            assert abs(value) <= 2**53
        case _:
            pass
