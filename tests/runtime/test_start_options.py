"""What a customer gave a session at its start, as its job honours it."""

import pytest
from tests.support.runtime_calls import a_call

from contracts.events.session import SessionStarted, UserPersonal

pytestmark = pytest.mark.unit


async def test_the_session_begins_with_the_agent_that_was_asked_for() -> None:
    async with a_call(lambda _context, _tools: "Yes.", given={"initial_agent": "coding_expert"}) as running:
        ((data, _),) = await running.facts("session.started")
        assert isinstance(data, SessionStarted)
        assert data.agent == "coding_expert"
        assert running.talk.said == ["Hi, I am the coding expert."]


async def test_variables_are_kept_for_all_agents_of_the_session() -> None:
    user = UserPersonal(name="Ada", variables={"topic": "loops", "tries": 3, "vip": True})
    async with a_call(lambda _context, _tools: "Yes.", given={"user": user}) as running:
        assert running.talk.conversation.context.variables == {"topic": "loops", "tries": 3, "vip": True}
