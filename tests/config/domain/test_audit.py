"""What an event changed of its entity, and what is never told of it."""

import json
from pathlib import Path

import msgspec
import pytest
from msgspec import UNSET

from config.domain.audit import (
    MAX_CHANGES,
    MAX_SHOWN,
    Document,
    difference_of,
    document_after,
    entity_of,
    kind_of_actor,
)
from config.domain.difference import Change
from contracts.aliases import AliasTarget
from contracts.custom_tool import CustomTool
from contracts.envelope import Envelope
from contracts.events.agent_definition import (
    AgentDefinitionArchived,
    AgentDefinitionCreated,
    AgentDefinitionRevised,
)
from contracts.events.api_key import ApiKeyExpirySet, ApiKeyIssued, ApiKeyRevoked
from contracts.events.custom_tool import CustomToolCreated, CustomToolSecretReplaced
from contracts.events.customer import CustomerCapped, CustomerCreated, CustomerResumed, CustomerSuspended
from contracts.events.member import MemberJoined, MemberRemoved
from contracts.events.template import TemplateAliasMoved, TemplateAliasRemoved
from contracts.events.webhook import WebhookCreated
from contracts.ids import MemberId, VersionHash
from contracts.registry import EventData, decode_data, type_of
from contracts.template_version import AgentDefinition

pytestmark = pytest.mark.unit

FIXTURES = Path(__file__).parents[3] / "contracts" / "fixtures" / "events"
DIGEST, SECRET_ID = "d1" * 32, "whs_01a2120a6623713e85c2e3ec1e886b92"


def told(*events: EventData) -> list[list[Change]]:
    """The changes of each event of one entity."""
    document: Document = {}
    found = []
    for event in events:
        after = document_after(document, type_of(event).name, event)
        found.append(difference_of(document, after).changes)
        document = after
    return found


def an_agent(instructions: str, **more: object) -> AgentDefinition:
    return AgentDefinition(name="Triage", instructions=instructions, **more)  # type: ignore[arg-type]


def test_a_revision_tells_the_places_that_changed_and_no_other() -> None:
    _, revised, archived = told(
        AgentDefinitionCreated(definition=an_agent("Route.")),
        AgentDefinitionRevised(definition=an_agent("Route kindly.", greeting="Hello.")),
        AgentDefinitionArchived(),
    )
    assert revised == [
        Change(pointer="/definition/greeting", before="", after="Hello."),
        Change(pointer="/definition/instructions", before="Route.", after="Route kindly."),
    ]
    assert archived == [Change(pointer="/archived", after=True)]


def test_a_customer_is_told_through_its_caps_its_suspension_and_its_return() -> None:
    created, capped, uncapped, suspended, resumed = told(
        CustomerCreated(name="Acme", max_sessions=3),
        CustomerCapped(max_sessions=1, max_monthly_nano=5),
        CustomerCapped(max_sessions=1),
        CustomerSuspended(reason="unpaid"),
        CustomerResumed(),
    )
    assert {change.pointer: change.after for change in created} == {
        "/cell": "default",
        "/max_sessions": 3,
        "/name": "Acme",
    }
    assert capped == [
        Change(pointer="/max_monthly_nano", after=5),
        Change(pointer="/max_sessions", before=3, after=1),
    ]
    assert uncapped == [Change(pointer="/max_monthly_nano", before=5, after=None)]
    assert suspended == [Change(pointer="/reason", after="unpaid"), Change(pointer="/suspended", after=True)]
    assert resumed == [
        Change(pointer="/reason", before="unpaid", after=""),
        Change(pointer="/suspended", before=True, after=False),
    ]


def test_aliases_are_told_one_by_one() -> None:
    to = [AliasTarget(version=VersionHash("0" * 64), number=1, weight=100)]
    moved, other, removed = told(
        TemplateAliasMoved(alias="prod", targets=to),
        TemplateAliasMoved(alias="beta", targets=to),
        TemplateAliasRemoved(alias="prod"),
    )
    assert [change.pointer for change in moved] == ["/aliases"]
    assert [change.pointer for change in other] == ["/aliases/beta"]
    (gone,) = removed
    assert (gone.pointer, gone.after) == ("/aliases/prod", UNSET)


def test_what_stands_for_a_secret_is_hidden_and_a_change_of_it_shows() -> None:
    key = ApiKeyIssued(digest=DIGEST, hint="…abcd", scopes=["agents:read"], livemode=True)
    tool = CustomTool(description="Orders.", parameters={"type": "object"}, url="https://ada:pw@a.example/o?key=k1")
    events = [
        *told(key, ApiKeyExpirySet(expires_at="2026-12-01T00:00:00.000000Z"), ApiKeyRevoked()),
        *told(
            CustomToolCreated(definition=tool, secret=SECRET_ID),
            CustomToolSecretReplaced(secret="whs_another"),
        ),
        *told(WebhookCreated(url="https://h.example/x?token=t", events=[], secret=SECRET_ID)),
    ]
    text = json.dumps(msgspec.to_builtins(events))
    for hidden in (DIGEST, SECRET_ID, "whs_another", "ada:pw", "key=k1", "token=t"):
        assert hidden not in text
    assert "https://h.example/x?(hidden " in text
    (replaced,) = events[4]
    assert replaced.pointer == "/secret"
    assert replaced.before != replaced.after


def test_members_are_told_by_themselves_and_by_nothing_that_finds_a_person() -> None:
    joined = MemberJoined(member=MemberId("mem_1"), role="owner", address=DIGEST, identity=DIGEST)
    assert entity_of("members", "acme", "member.joined", joined) == ("member", "mem_1")
    assert entity_of("agent", "triage", "agent_definition.archived", AgentDefinitionArchived()) == ("agent", "triage")
    _, removed, again = told(joined, MemberRemoved(member=MemberId("mem_1")), joined)
    assert removed == [Change(pointer="/removed", after=True)]
    assert again == [Change(pointer="/removed", before=True, after=False)]
    assert DIGEST not in json.dumps(msgspec.to_builtins(told(joined)))


def test_every_event_of_configuration_can_be_told_and_none_tells_what_finds_a_person_or_a_key() -> None:
    families = ("session", "turn", "handoff", "context", "panel", "tool", "usage")
    seen = 0
    for path in sorted(FIXTURES.glob("*.json")):
        if path.name.split(".")[0] in families:
            continue
        envelope = msgspec.json.decode(msgspec.json.encode(json.loads(path.read_bytes())["envelope"]), type=Envelope)
        data = decode_data(envelope)
        kind, entity = entity_of("any", envelope.subject, envelope.type, data)
        assert kind
        assert entity
        told = json.dumps(document_after({}, envelope.type, data), ensure_ascii=False)
        for field in ("digest", "address", "identity", "secret"):
            value = msgspec.to_builtins(data).get(field)
            assert not value or value not in told, path.name
        seen += 1
    assert seen >= 30


@pytest.mark.parametrize(
    ("actor", "kind"),
    [("key_1", "key"), ("mem_1", "member"), ("op_grace", "operator"), ("operator", "baton"), ("gateway", "baton")],
)
def test_an_actor_is_known_by_its_id(actor: str, kind: str) -> None:
    assert kind_of_actor(actor) == kind


def test_a_property_that_a_schema_calls_token_is_no_secret() -> None:
    schema = {"type": "object", "properties": {"token": {"type": "string"}}, "required": ["token"]}
    tool = CustomTool(description="x", parameters=schema, url="https://a.example/")
    (created,) = told(CustomToolCreated(definition=tool, secret=SECRET_ID))
    assert next(change.after for change in created if change.pointer == "/definition")["parameters"] == schema


def test_long_texts_are_told_from_where_they_begin_to_differ() -> None:
    before, after = "a" * 5_000 + "old end", "a" * 5_000 + "new end"
    documents = {"text": before, "same": 1}, {"text": after, "same": 1}
    difference = difference_of(*documents)
    (change,) = difference.changes
    assert not difference.whole
    assert change.before.endswith("old end")
    assert change.after.endswith("new end")
    assert len(change.after) < 200
    (appended,) = difference_of({"text": "a" * 5_000}, {"text": "a" * 5_000 + "more"}).changes
    assert appended.after.endswith("more")
    (created,) = difference_of({}, {"list": ["word"] * 1_000}).changes
    assert len(created.after) == MAX_SHOWN + 1


def test_of_very_many_changes_the_first_are_told() -> None:
    difference = difference_of({}, {f"field_{number:03}": number for number in range(MAX_CHANGES + 1)})
    assert len(difference.changes) == MAX_CHANGES
    assert not difference.whole
    assert difference_of({"a": 1}, {"a": 2}).whole
