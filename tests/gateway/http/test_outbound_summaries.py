"""What comes with the end of a session where an endpoint asks for it: over the real ledger, and when there is none."""

import contextlib
from collections.abc import AsyncIterator

import asyncpg
import pytest
from tests.gateway.http.test_outbound import Scene, a_scene
from tests.support.gateways import START
from tests.support.until import until

import ledger.bootstrap
import ledger.settings
from chassis.clock import SystemClock
from chassis.nats.requests import ask
from chassis.recording import Origin, Recorder
from contracts.commands.jobs import JobMetadata
from contracts.commands.keys import KeyAnswer, KeyOpened, OpenKey
from contracts.envelope import decode_commit
from contracts.events import session as events
from contracts.events.turn import AgentSaid, UserSaid, Words
from contracts.events.usage import LlmUsed
from contracts.ids import AgentId, TurnId
from contracts.subjects import OPEN_KEY, Log, Writer, session_subject

pytestmark = pytest.mark.integration

TRIAGE, TURN = AgentId("triage"), TurnId("turn_1")


@contextlib.asynccontextmanager
async def a_ledger(scene: Scene) -> AsyncIterator[None]:
    settings = ledger.settings.Settings(
        nats_url=scene.settings.nats_url,
        postgres_dsn=scene.settings.postgres_dsn,
        key_pepper=scene.settings.key_pepper,
        signing_key="ef" * 32,
    )
    await ledger.bootstrap.migrate(settings)
    async with ledger.bootstrap.open_service(settings) as service:
        await until(service.ready, what="the ledger is ready")
        yield


async def a_spoken_call(scene: Scene) -> str:
    """A session in which each side spoke once, and a model was asked; ended by its job."""
    session: str = (await scene.gateway.post("/api/session/start", json=START)).json()["session_id"]
    rooms = scene.world.rooms
    await until(lambda: any(room == session for room, _ in rooms.dispatched))
    metadata = next(metadata for room, metadata in rooms.dispatched if room == session)
    await scene.world.claim(metadata)
    await _speak(scene, metadata)
    return session


async def _speak(scene: Scene, metadata: JobMetadata) -> None:
    question = OpenKey(customer=metadata.customer, session=metadata.session, keyid=metadata.keyid, reader="test")
    answer: KeyAnswer = await ask(scene.world.nats, OPEN_KEY, question, KeyAnswer, timeout_s=5)
    assert isinstance(answer, KeyOpened)
    subject = session_subject(metadata.customer, metadata.session, Writer.RUN)
    last = await scene.world.log.last(Log.SESSIONS, subject)
    assert last is not None
    origin = Origin(
        customer=metadata.customer, subject=metadata.session, writer=Writer.RUN, source="job", keyid=metadata.keyid
    )
    begun = len(decode_commit(last.payload))
    recorder = Recorder(origin=origin, clock=SystemClock(), key=answer.key, last_n=begun, epoch=metadata.epoch)
    used = {"input_tokens": 1000, "output_tokens": 100}
    said = [
        recorder.record(
            UserSaid(turn=TURN, item_id="i1", agent=TRIAGE, modality="voice"), Words(text="Where is my parcel?")
        ),
        recorder.record(
            LlmUsed(provider="openai", model="gpt-4.1-mini", agent=TRIAGE, turn=TURN, quantities=used),
        ),
        recorder.record(AgentSaid(turn=TURN, item_id="i2", agent=TRIAGE), Words(text="It is on its way.")),
        recorder.record(events.SessionEnded(reason="user_left", duration_ms=9000)),
    ]
    await scene.world.log.append(Log.SESSIONS, subject, said, expected=last.sequence)


async def test_an_end_comes_with_transcript_and_cost_where_they_are_asked_for(nats_url: str, database: str) -> None:
    async with a_scene(nats_url, database) as scene:
        wanted = {"events": ["session.ended"], "include": ["transcript", "cost"]}
        full, bare = await scene.webhook(**wanted), await scene.webhook(events=["session.ended"])
        assert (full["include"], bare["include"]) == (["cost", "transcript"], [])
        session = await a_spoken_call(scene)
        await scene.settled(bare["id"], 1)

        async def refused() -> bool:
            return [one["cause"] for one in await scene.deliveries(full["id"])] == ["cost_no_answer"]

        await until(refused, what="without a ledger there is no cost, and the attempt has failed")
        assert len(scene.receiver.received) == 1
        assert b"parcel" not in scene.receiver.received[0].content
        async with a_ledger(scene):
            await scene.hurry()
            await scene.settled(full["id"], 1)
            told = scene.receiver.received[1]
            assert told.signed_with(full["secret"])
            data = told.body["data"]
            assert [(line["speaker"], line["agent"], line["text"]) for line in data["transcript"]] == [
                ("participant", "triage", "Where is my parcel?"),
                ("agent", "triage", "It is on its way."),
            ]
            assert data["transcript_truncated"] is False
            assert (data["cost"]["currency"], data["cost"]["unpriced"]) == ("USD", 0)
            assert data["cost"]["amount_nano"] == 1000 * 400 + 100 * 1600
            assert data["transcript_path"] == f"/api/sessions/{session}/timeline"

            scene.receiver.answer = lambda _received: 500
            second = await a_spoken_call(scene)
            await until(lambda: len(scene.receiver.received) == 4, what="both have failed once")
            db = await asyncpg.connect(database)
            await db.execute("delete from gateway.data_key where session = $1", second)
            assert b"parcel" not in b"".join(
                [row["body"] for row in await db.fetch("select body from gateway.delivery")]
            ), "what is kept to be sent holds no words"
            await db.close()
            scene.receiver.answer = lambda _received: 204
            await scene.hurry()
            await scene.settled(full["id"], 2)
            after = next(one for one in scene.receiver.received[4:] if "transcript" in one.body["data"])
            assert [line["text"] for line in after.body["data"]["transcript"]] == [None, None]
            assert after.body["data"]["cost"] == data["cost"]
