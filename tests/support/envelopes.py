"""Test data: envelopes of a session's writer, as a Recorder would make them."""

import msgspec

from chassis.ids import new_event_id, new_id
from contracts.envelope import Envelope
from contracts.ids import CustomerId, EventId, SessionId
from contracts.subjects import Writer, session_subject

CUSTOMER = CustomerId("acme")


def a_session() -> SessionId:
    return SessionId(new_id("ses"))


def a_subject(session: SessionId | None = None, writer: Writer = Writer.RUN) -> str:
    return session_subject(CUSTOMER, session or a_session(), writer)


def an_event(
    n: int = 1, *, session: str = "ses_1", writer: str = "run", epoch: int = 1, text: str = "", id: str = ""
) -> Envelope:
    return Envelope(
        id=EventId(id or new_event_id()),
        type="observation.logged",
        v=1,
        time="2026-11-25T10:00:00.000000Z",
        customer=CUSTOMER,
        subject=session,
        writer=writer,
        n=n,
        epoch=epoch,
        data=msgspec.Raw(msgspec.json.encode({"text": text or f"event {n}"})),
    )
