"""A whole session as its writers would have recorded it, sealed under a data key of its own: the demo call in small.

`a_session()` gives the commits of both writers in the order of the log. Append them with `append`, whole or in part.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from chassis.event_log import EventLog
from chassis.ids import new_id
from chassis.recording import Origin, Recorder
from chassis.sealing import new_key
from contracts.commands.keys import KeyAnswer, KeyGone, KeyOpened, OpenKey
from contracts.envelope import Envelope
from contracts.events import context, handoff, panel, session, tool, turn, usage
from contracts.ids import AgentId, ApiKeyId, CustomerId, KeyId, PanelId, SessionId, TemplateId, TurnId, VersionHash
from contracts.panels.interpreter import command_patch, event_patch, initial_state, patched
from contracts.panels.registry import builtin
from contracts.positions import Position
from contracts.providers import Payer
from contracts.registry import EventData, Personal
from contracts.session_state import SessionState, digest, evolve, fact
from contracts.subjects import Log, Writer, session_subject
from contracts.template_version import Limits, ModalityProfile

ACME = CustomerId("acme")
TRIAGE, EXPERT = AgentId("agt_triage"), AgentId("agt_expert")
IDE = PanelId("coding_ide")
CODE = "def total(xs):\n    return sum(xs[1:])\n"
FIXED_CODE = "def total(xs):\n    return sum(xs)\n"
USER_WORDS = ("I need help with my code", "can you check it now?", "thank you, goodbye")
SECRET_WORDS = (*USER_WORDS, "Ada Lovelace", "sum(xs", "Line 2 skips the first")
"""Of these nothing may be readable in a read model, an export or a log."""


class TickingClock:
    """Each reading is 10 ms later than the one before, from noon on."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 25, 12, tzinfo=UTC)

    def now(self) -> datetime:
        self._now += timedelta(milliseconds=10)
        return self._now

    def monotonic(self) -> float:
        return self._now.timestamp()


@dataclass(frozen=True)
class SessionCommit:
    """One append: its stream and its events."""

    subject: str
    events: list[Envelope]


@dataclass(frozen=True, kw_only=True)
class ScriptedSession:
    """What was recorded, the key that opens it, and the state that all its events fold to."""

    customer: CustomerId
    session: SessionId
    keyid: KeyId
    key: bytes
    commits: list[SessionCommit]
    state: SessionState

    @property
    def events(self) -> list[Envelope]:
        """All events in the order of the log."""
        return [event for commit in self.commits for event in commit.events]


@dataclass
class Keys:
    """Answers for the gateway: the keys of some sessions, some of them destroyed; `asked` counts the questions."""

    sessions: Sequence[ScriptedSession]
    destroyed: set[KeyId] = field(default_factory=set)
    asked: int = 0

    async def __call__(self, question: OpenKey) -> KeyAnswer:
        self.asked += 1
        for each in self.sessions:
            whose = (each.customer, each.session, each.keyid)
            if whose == (question.customer, question.session, question.keyid) and each.keyid not in self.destroyed:
                return KeyOpened(key=each.key)
        return KeyGone(why="destroyed")


async def append(log: EventLog, commits: Sequence[SessionCommit]) -> Position:
    """Append the commits, each after the last of its stream; returns the last position."""
    position: Position | None = None
    for commit in commits:
        last = await log.last(Log.SESSIONS, commit.subject)
        expected = last.sequence if last else 0
        position = await log.append(Log.SESSIONS, commit.subject, commit.events, expected=expected)
    assert position is not None
    return position


def a_session(
    *,
    customer: CustomerId = ACME,
    session: SessionId | None = None,
    turns: int = 1,
    llm_model: str = "gpt-4.1-mini",
    llm_payer: Payer = "deployment",
    closed: bool = True,
    price_book: str = "",
) -> ScriptedSession:
    """Triage greets, hands over to the expert, who opens the editor, reads the user's edit, highlights and says so.

    `turns` repeats the part in which the user asks and the expert checks; without `closed` the room is still open.
    """
    writing = _Writing(customer, session or SessionId(new_id("ses")), llm_model, llm_payer)
    writing.admitted(price_book)
    writing.greeted()
    writing.handed_over()
    for number in range(turns):
        writing.checked(number)
    writing.ended(closed)
    return writing.script()


class _Writing:
    """Both recorders, the commits so far, and the panel as the browser holds it."""

    def __init__(self, customer: CustomerId, id: SessionId, llm_model: str, llm_payer: Payer) -> None:
        self.customer, self.id, self.llm_model, self.llm_payer = customer, id, llm_model, llm_payer
        self.keyid, self.key = KeyId(new_id("dek")), new_key()
        self.commits: list[SessionCommit] = []
        clock = TickingClock()
        self._recorders = {
            writer: Recorder(
                origin=Origin(customer=customer, subject=id, writer=writer, source="tests/1", keyid=self.keyid),
                clock=clock,
                key=self.key,
                epoch=1 if writer is Writer.RUN else 0,
            )
            for writer in (Writer.ADMISSION, Writer.RUN)
        }
        self.state = SessionState()
        self.panel: dict[str, object] = {}
        self.rev = 0

    def admit(self, *facts: EventData | tuple[EventData, Personal]) -> None:
        self._commit(Writer.ADMISSION, facts)

    def run(self, *facts: EventData | tuple[EventData, Personal]) -> None:
        self._commit(Writer.RUN, facts)

    def _commit(self, writer: Writer, facts: Sequence[EventData | tuple[EventData, Personal]]) -> None:
        events = []
        for said in facts:
            data, personal = said if isinstance(said, tuple) else (said, None)
            envelope = self._recorders[writer].record(data, personal)
            self.state = evolve(self.state, fact(envelope, personal))
            events.append(envelope)
        self.commits.append(SessionCommit(session_subject(self.customer, self.id, writer), events))

    def script(self) -> ScriptedSession:
        return ScriptedSession(
            customer=self.customer,
            session=self.id,
            keyid=self.keyid,
            key=self.key,
            commits=self.commits,
            state=self.state,
        )

    def admitted(self, price_book: str) -> None:
        requested = session.SessionRequested(
            template_id=TemplateId("tpl_help"),
            version=VersionHash("0" * 64),
            api_key=ApiKeyId("key_1"),
            user_id="u-1",
            identity="user_1",
            room=self.id,
            modality_profile=ModalityProfile(),
            panels=[IDE],
            limits=Limits(),
            price_book=price_book,
        )
        user = session.UserPersonal(name="Ada Lovelace", preferences={"pace": "slow"})
        self.admit((requested, user), session.SessionDispatched(epoch=1, room=self.id))
        self.admit(session.TokenIssued(identity="user_1", ttl_s=600))
        self.admit(session.RoomStarted(room=self.id, room_sid="RM_1"))
        self.run(session.JobClaimed(epoch=1, job_id="AJ_1", worker_id="AW_1", participant="agent-AJ_1"))
        self.admit(session.ParticipantJoined(identity="user_1", participant_sid="PA_1", kind="user"))

    def greeted(self) -> None:
        self.run(session.SessionStarted(agent=TRIAGE), self._said(TRIAGE, "", "Hello, how can I help?"))
        self.run(self._spoken(TRIAGE, "", "Hello, how can I help?"))

    def handed_over(self) -> None:
        turn_id = TurnId("turn_1")
        self.run(self._asked(TRIAGE, turn_id, USER_WORDS[0]), self._heard(TRIAGE, turn_id))
        asked = handoff.HandoffRequested(call_id="call_1", from_agent=TRIAGE, to_agent=EXPERT, policy="full")
        reason = handoff.HandoffReason(reason="wants help with code")
        self.run(self._thought(TRIAGE, turn_id), (asked, reason))
        self.run(
            handoff.HandoffCompleted(
                call_id="call_1", from_agent=TRIAGE, to_agent=EXPERT, policy="full", item_id="item_h1", ms=16
            )
        )
        self.run(
            self._said(EXPERT, turn_id, "I am the coding expert"),
            self._spoken(EXPERT, turn_id, "I am the coding expert"),
        )
        self._opened(turn_id)

    def _opened(self, turn_id: TurnId) -> None:
        args = {"language": "python", "initial_code": CODE}
        self.panel, self.rev = initial_state(builtin()[IDE], args), 1
        self.run(self._called("call_2", "open_coding_ide", turn_id, args))
        self.run(
            (
                panel.PanelOpened(panel=IDE, instance="p1", kind_version=1, rev=1, op_id="op_1", by="agent"),
                panel.PanelContent(state=_raw(self.panel)),
            ),
            (tool.ToolCompleted(call_id="call_2", name="open_coding_ide", ms=4), tool.ToolResult(result='{"rev": 1}')),
        )

    def checked(self, number: int) -> None:
        """The user edits and asks; the expert reads, highlights and answers."""
        turn_id = TurnId(f"turn_{number + 2}")
        code = FIXED_CODE if number % 2 == 0 else CODE
        self._edited(code, seq=number + 1)
        self.run(self._asked(EXPERT, turn_id, USER_WORDS[1]), self._heard(EXPERT, turn_id))
        self.run(self._thought(EXPERT, turn_id))
        self._read_and_highlighted(number, turn_id)
        self.run(self._said(EXPERT, turn_id, "Line 2 skips the first"), self._spoken(EXPERT, turn_id, "Line 2 skips"))

    def _edited(self, code: str, *, seq: int) -> None:
        patch = event_patch(builtin()[IDE], self.panel, "code_changed", {"code": code})
        self._changed(patch, event="code_changed", origin="user", seq=seq)

    def _changed(
        self, patch: dict[str, object], *, event: str, origin: panel.Origin, seq: int = 0, op: str = ""
    ) -> None:
        self.panel, self.rev = patched(self.panel, patch), self.rev + 1
        changed = panel.PanelChanged(
            panel=IDE, instance="p1", rev=self.rev, event=event, origin=origin, seq=seq, op_id=op
        )
        self.run((changed, panel.PanelPatch(patch=_raw(patch))))

    def _read_and_highlighted(self, number: int, turn_id: TurnId) -> None:
        read, highlight, op = f"call_r{number}", f"call_h{number}", f"op_h{number}"
        args = {"lines": [2]}
        self.run(self._called(read, "read_code", turn_id, {}))
        result = tool.ToolResult(result=msgspec.json.encode(self.panel).decode())
        self.run((tool.ToolCompleted(call_id=read, name="read_code", ms=1), result))
        self.run(
            self._called(highlight, "highlight_code_lines", turn_id, args),
            (
                panel.PanelCommanded(
                    panel=IDE, instance="p1", op_id=op, action="highlight_lines", base_rev=self.rev, by="agent"
                ),
                panel.PanelArguments(args=_raw(args)),
            ),
        )
        patch = command_patch(builtin()[IDE], self.panel, "highlight_lines", args)
        self._changed(patch, event="highlight_lines", origin="agent", op=op)
        done = tool.ToolCompleted(call_id=highlight, name="highlight_code_lines", ms=7)
        self.run((done, tool.ToolResult(result="done")))

    def ended(self, closed: bool) -> None:
        turn_id = TurnId("turn_last")
        note = context.ContextPersonal(after=_raw("learns by doing"))
        self.run((context.ContextChanged(area="observations", key="style", by=EXPERT), note))
        self.run(self._asked(EXPERT, turn_id, USER_WORDS[2]), self._heard(EXPERT, turn_id))
        self.run(
            self._thought(EXPERT, turn_id), self._said(EXPERT, turn_id, "Bye"), self._spoken(EXPERT, turn_id, "Bye")
        )
        snapshot = panel.PanelSnapshotted(panel=IDE, instance="p1", rev=self.rev)
        self.run((snapshot, panel.PanelContent(state=_raw(self.panel))))
        self.run(session.StateDigest(fold_version=1, digest=digest(self.state.run)))
        self.run(session.SessionEnded(reason="user_left", duration_ms=9_000))
        if closed:
            self.admit(session.ParticipantLeft(identity="user_1", participant_sid="PA_1", kind="user"))
            self.admit(session.RoomFinished(room=self.id), session.SessionClosed(reason="ended"))

    def _asked(self, agent: AgentId, turn_id: TurnId, text: str) -> tuple[EventData, Personal]:
        said = turn.UserSaid(
            turn=turn_id,
            item_id=f"item_u_{turn_id}",
            agent=agent,
            modality="voice",
            duration_ms=900,
            stt_ms=120,
            eou_ms=300,
        )
        return said, turn.Words(text=text, language="en")

    def _said(self, agent: AgentId, turn_id: str, text: str) -> tuple[EventData, Personal]:
        latency = turn.Latency(stt=120, eou=300, llm_ttft=210, tts_ttfb=90, e2e=720) if turn_id else turn.Latency()
        said = turn.AgentSaid(
            turn=TurnId(turn_id),
            item_id=f"item_a_{turn_id or 'greeting'}_{agent}",
            agent=agent,
            characters=len(text),
            latency=latency,
        )
        return said, turn.Words(text=text)

    def _called(self, call: str, name: str, turn_id: TurnId, args: object) -> tuple[EventData, Personal]:
        called = tool.ToolCalled(call_id=call, name=name, agent=EXPERT, turn=turn_id)
        return called, tool.ToolArguments(arguments=msgspec.json.encode(args).decode())

    def _heard(self, agent: AgentId, turn_id: TurnId) -> EventData:
        quantities = {"audio_ms": 1_237}
        return usage.SttUsed(provider="deepgram", model="nova-3", agent=agent, turn=turn_id, quantities=quantities)

    def _thought(self, agent: AgentId, turn_id: TurnId) -> EventData:
        quantities = {"input_tokens": 812, "cached_tokens": 256, "output_tokens": 61}
        return usage.LlmUsed(
            provider="openai",
            model=self.llm_model,
            agent=agent,
            turn=turn_id,
            quantities=quantities,
            payer=self.llm_payer,
        )

    def _spoken(self, agent: AgentId, turn_id: str, text: str) -> EventData:
        return usage.TtsUsed(
            provider="cartesia",
            model="sonic-3",
            agent=agent,
            turn=TurnId(turn_id),
            quantities={"characters": len(text), "audio_ms": 60 * len(text)},
        )


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
