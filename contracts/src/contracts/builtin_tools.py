"""The tools that Baton itself gives to agents; panel and handoff tools are generated, not listed here."""

BUILTIN_DESCRIPTIONS = {
    "end_session": "Ends the session, after your goodbye. Only when the user is done or asks for it.",
    "log_observation": "Notes something about the user or the task for the other agents and for the record.",
}
"""By name, what a model is told of each."""

BUILTIN_TOOLS = frozenset(BUILTIN_DESCRIPTIONS)
