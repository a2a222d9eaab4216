"""What both sides of P5 hold: two agents who hand the user to each other, and a model that plays along.

Neither has a greeting in writing, so each agent that enters asks the model for one: that request ends the measurement.
"""

from simulators.scenario import Rule, Scenario, ToolCall, When

AGENTS = ("left", "right")
ASKED = "Hand me over, please."
GREET = "Greet the user in one short sentence and say how you can help."
INSTRUCTIONS = "You are one of two agents. Hand the user to the other one when they ask for it."
MODEL = "gpt-4.1-mini"


def other(agent: str) -> str:
    """The agent that `agent` hands over to."""
    return AGENTS[1 - AGENTS.index(agent)]


def scenario() -> Scenario:
    """Greets when told to, and hands over when asked to."""
    greet = Rule(name="greet", when=When(instruction="Greet"), text="Hello, how can I help you?")
    transfers = [
        Rule(
            name=f"transfer to {agent}",
            when=When(user="Hand me over", last_role="user", tools=(f"transfer_to_{agent}",)),
            calls=(ToolCall(tool=f"transfer_to_{agent}", arguments={"reason": "the user asked for it"}),),
        )
        for agent in AGENTS
    ]
    return Scenario(rules=(greet, *transfers))
