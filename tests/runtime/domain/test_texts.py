"""What placeholders stand for in a session: the participant, the session, declared variables and flags."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events.session import UserPersonal
from contracts.ids import AgentId, TemplateId
from contracts.template_version import TemplateDraft, TemplateVersion
from contracts.variables import Declaration
from runtime.domain.context import SessionContext
from runtime.domain.texts import filled

pytestmark = pytest.mark.unit

DRAFT = TemplateDraft(
    name="T",
    agents=[AgentId("a")],
    initial_agent=AgentId("a"),
    variables={"topic": Declaration(default="loops"), "level": Declaration(type="integer")},
    flags={"vip": Declaration(type="boolean")},
)
VERSION = TemplateVersion(template_id=TemplateId("tpl"), draft=DRAFT, agents=[], panel_kinds={})


def a_context(**changes: object) -> SessionContext:
    user = UserPersonal(name="Ada", preferences={"tone": "dry"}, metadata={"plan": "pro"})
    return SessionContext(user=msgspec.structs.replace(user, **changes), user_id="u-1", session_id="ses_1")


def test_every_area_is_filled_in() -> None:
    text = "{{user.id}} {{user.name}} {{user.preferences.tone}} {{user.metadata.plan}} {{session.id}}"
    assert filled(text, VERSION, a_context()) == "u-1 Ada dry pro ses_1"
    assert filled("{{session.template_id}}", VERSION, a_context()) == "tpl"


def test_variables_have_their_defaults_until_the_start_gives_others() -> None:
    text = "{{variables.topic}}/{{variables.level}}/{{flags.vip}}"
    assert filled(text, VERSION, a_context()) == "loops/0/false"
    context = a_context(variables={"topic": "trees", "level": 2})
    context.flags["vip"] = True
    assert filled(text, VERSION, context) == "trees/2/true"


def test_a_text_without_placeholders_stays_as_it_is() -> None:
    assert filled("Ask {name} for {json: 1}.", VERSION, a_context()) == "Ask {name} for {json: 1}."


@given(st.text(), st.dictionaries(st.text(max_size=10), st.one_of(st.text(), st.integers(), st.booleans())))
def test_no_participant_and_no_variable_can_break_it_or_be_expanded(name: str, variables: dict[str, object]) -> None:
    context = a_context(name=name + "{{session.id}}", variables=variables)
    assert filled("<{{user.name}}>", VERSION, context) == f"<{name}{{{{session.id}}}}>"
