"""Given, when, then: agent definitions, templates, API keys and customers."""

import pytest

from chassis.errors import Conflict, InvalidInput, NotFound
from config.domain import agent_definition, api_key, customer, template
from config.domain.agent_definition import AGENT_DEFINITION, DefinitionArchived
from config.domain.api_key import API_KEY
from config.domain.customer import CUSTOMER
from config.domain.template import TEMPLATE, TemplateIsArchived
from contracts.conditions import Condition
from contracts.events.agent_definition import AgentDefinitionCreated, AgentDefinitionRevised
from contracts.events.api_key import ApiKeyIssued, ApiKeyRevoked
from contracts.events.template import TemplateCreated, TemplatePublished, TemplateRevised
from contracts.ids import AgentId, VersionHash
from contracts.template_version import AgentDefinition, HandoffTarget, TemplateDraft

pytestmark = pytest.mark.unit

A = AgentDefinition(name="Triage", instructions="Route people.")
B = AgentDefinition(name="Triage", instructions="Route people well.")
DRAFT = TemplateDraft(name="Help", agents=[AgentId("a")], initial_agent=AgentId("a"))
DIGEST = "d" * 64


def issue(*scopes: str) -> api_key.Issue:
    return api_key.Issue(digest=DIGEST, hint="…abcd", scopes=list(scopes), livemode=False)


def test_writing_a_new_definition_creates_it() -> None:
    assert AGENT_DEFINITION.decide(agent_definition.Write(A), AGENT_DEFINITION.initial) == [
        AgentDefinitionCreated(definition=A)
    ]


def test_writing_another_text_revises_it_and_the_same_text_changes_nothing() -> None:
    state = AGENT_DEFINITION.fold([AgentDefinitionCreated(definition=A)])
    assert AGENT_DEFINITION.decide(agent_definition.Write(B), state) == [AgentDefinitionRevised(definition=B)]
    assert AGENT_DEFINITION.decide(agent_definition.Write(A), state) == []


def test_an_archived_definition_is_not_revised_and_archiving_twice_is_quiet() -> None:
    state = AGENT_DEFINITION.fold([AgentDefinitionCreated(definition=A)])
    archived = AGENT_DEFINITION.fold(
        [AgentDefinitionCreated(definition=A), *AGENT_DEFINITION.decide(agent_definition.Archive(), state)]
    )
    with pytest.raises(DefinitionArchived):
        AGENT_DEFINITION.decide(agent_definition.Write(B), archived)
    assert AGENT_DEFINITION.decide(agent_definition.Archive(), archived) == []


def test_a_definition_without_a_name_or_with_a_bad_policy_is_refused_with_every_mistake() -> None:
    wrong = AgentDefinition(
        name=" ",
        instructions="",
        handoff_targets=[
            HandoffTarget(agent=AgentId("b"), policy="last_n"),
            HandoffTarget(agent=AgentId("c"), policy="summary", guard=Condition(), arguments={"type": "string"}),
        ],
    )
    with pytest.raises(InvalidInput) as caught:
        AGENT_DEFINITION.decide(agent_definition.Write(wrong), AGENT_DEFINITION.initial)
    assert [error.pointer for error in caught.value.errors] == [
        "/name",
        "/instructions",
        "/handoff_targets/0/last_n",
        "/handoff_targets/1/arguments/type",
        "/handoff_targets/1/guard",
    ]


def test_a_template_is_published_once_per_version() -> None:
    state = TEMPLATE.fold([TemplateCreated(draft=DRAFT)])
    first = TEMPLATE.decide(template.Publish(VersionHash("1")), state)
    assert first == [TemplatePublished(version=VersionHash("1"), number=1)]
    published = TEMPLATE.fold([TemplateCreated(draft=DRAFT), *first])
    assert TEMPLATE.decide(template.Publish(VersionHash("1")), published) == []
    assert TEMPLATE.decide(template.Publish(VersionHash("2")), published) == [
        TemplatePublished(version=VersionHash("2"), number=2)
    ]


def test_a_template_that_was_never_written_is_not_found() -> None:
    for command in (template.Publish(VersionHash("1")), template.Archive(), template.Write(DRAFT, must_exist=True)):
        with pytest.raises(NotFound):
            TEMPLATE.decide(command, TEMPLATE.initial)


def test_an_archived_template_refuses_everything_but_archiving() -> None:
    history = [TemplateCreated(draft=DRAFT), TemplateRevised(draft=DRAFT)]
    archived = TEMPLATE.fold([*history, *TEMPLATE.decide(template.Archive(), TEMPLATE.fold(history))])
    assert TEMPLATE.decide(template.Archive(), archived) == []
    for command in (template.Publish(VersionHash("1")), template.Write(DRAFT)):
        with pytest.raises(TemplateIsArchived):
            TEMPLATE.decide(command, archived)


def test_a_key_is_issued_once_with_known_scopes_and_revoked_for_good() -> None:
    issued = API_KEY.decide(issue("sessions:write", "agents:read"), API_KEY.initial)
    assert issued == [
        ApiKeyIssued(digest=DIGEST, hint="…abcd", scopes=["agents:read", "sessions:write"], livemode=False)
    ]
    state = API_KEY.fold(issued)
    with pytest.raises(Conflict):
        API_KEY.decide(issue("sessions:write"), state)
    assert API_KEY.decide(api_key.Revoke(), state) == [ApiKeyRevoked()]
    assert API_KEY.decide(api_key.Revoke(), API_KEY.fold([*issued, ApiKeyRevoked()])) == []


@pytest.mark.parametrize("scopes", [(), ("sessions:fly",)])
def test_a_key_without_scopes_or_with_unknown_ones_is_refused(scopes: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput):
        API_KEY.decide(issue(*scopes), API_KEY.initial)


def test_creating_a_customer_twice_changes_nothing() -> None:
    created = CUSTOMER.decide(customer.Create("Acme", 3), CUSTOMER.initial)
    assert len(created) == 1
    assert CUSTOMER.decide(customer.Create("Acme", 3), CUSTOMER.fold(created)) == []
