"""The registry: which Structs an event type has, and how its two parts are decoded."""

import msgspec
import pytest
from tests.support.scripted_session import KEY, ScriptedSession

from chassis import sealing
from chassis.recording import open_personal
from contracts.envelope import associated_data
from contracts.events import session, turn
from contracts.ids import AgentId, TurnId
from contracts.registry import (
    EventData,
    UnknownEvent,
    decode_data,
    decode_personal,
    event,
    event_types,
    find_type,
    type_of,
)
from contracts.subjects import Writer

pytestmark = pytest.mark.unit


def test_types_are_listed_by_name_and_version() -> None:
    names = [(kind.name, kind.v) for kind in event_types()]
    assert names == sorted(names)
    assert len(names) == len(set(names))


def test_a_type_is_found_by_its_name_and_by_its_data() -> None:
    for kind in event_types():
        assert find_type(kind.name, kind.v) == kind
        assert type_of(msgspec.structs.replace(a_value(kind.data))) == kind


def test_registering_a_name_and_version_twice_is_a_fault() -> None:
    class Again(EventData, frozen=True, kw_only=True):
        """Nothing."""

    with pytest.raises(ValueError, match=r"session\.started v1 is registered twice"):
        event("session.started")(Again)


def test_names_are_a_family_and_a_verb_in_lower_case() -> None:
    for kind in event_types():
        family, _, verb = kind.name.partition(".")
        assert family.isidentifier(), kind
        assert verb.isidentifier(), kind
        assert kind.name == kind.name.lower()


@pytest.mark.parametrize(("name", "v"), [("session.started", 2), ("session.vanished", 1), ("", 1)])
def test_an_unknown_name_or_version_is_refused(name: str, v: int) -> None:
    with pytest.raises(UnknownEvent) as refused:
        find_type(name, v)
    assert refused.value.code == "unknown_event"


def test_data_of_a_wrong_shape_is_refused() -> None:
    envelope = ScriptedSession().tell(Writer.RUN, session.SessionStarted(agent=AgentId("a")))
    with pytest.raises(msgspec.ValidationError):
        decode_data(msgspec.structs.replace(envelope, data=msgspec.Raw(b'{"agent":1}')))


def test_a_field_of_a_newer_build_is_tolerated() -> None:
    envelope = ScriptedSession().tell(Writer.RUN, session.SessionStarted(agent=AgentId("a")))
    newer = msgspec.structs.replace(envelope, data=msgspec.Raw(b'{"agent":"a","mood":"cheerful"}'))
    assert decode_data(newer) == session.SessionStarted(agent=AgentId("a"))


def test_a_type_without_a_personal_part_has_none_to_decode() -> None:
    envelope = ScriptedSession().tell(Writer.RUN, session.SessionStarted(agent=AgentId("a")))
    with pytest.raises(UnknownEvent):
        decode_personal(envelope, b"{}")


def test_a_sealed_part_opens_under_its_own_event_alone() -> None:
    told = ScriptedSession()
    envelope = told.tell(Writer.RUN, a_user_said(), turn.Words(text="hello"))
    other = told.tell(Writer.RUN, a_user_said(), turn.Words(text="goodbye"))
    assert open_personal(envelope, KEY) == turn.Words(text="hello")
    with pytest.raises(sealing.SealBroken):
        open_personal(msgspec.structs.replace(other, personal=envelope.personal), KEY)
    with pytest.raises(sealing.SealBroken):
        open_personal(envelope, b"\x01" * 32)


def test_the_seal_is_bound_to_what_the_envelope_names() -> None:
    envelope = ScriptedSession().tell(Writer.RUN, a_user_said(), turn.Words(text="hello"))
    binding = associated_data(
        id=envelope.id, type=envelope.type, v=envelope.v, customer=envelope.customer, subject=envelope.subject
    )
    assert b"hello" in sealing.unseal(KEY, envelope.personal, binding=binding)


def a_user_said() -> turn.UserSaid:
    return turn.UserSaid(turn=TurnId("t"), item_id="i", agent=AgentId("a"), modality="text")


def a_value(kind: type[EventData]) -> EventData:
    """An unchecked instance: only its class matters here."""
    return kind(**dict.fromkeys(kind.__struct_fields__))
