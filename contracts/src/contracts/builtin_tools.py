"""The tools that Baton itself gives to agents; panel and handoff tools are generated, not listed here."""

BUILTIN_DESCRIPTIONS = {
    "end_session": "Ends the session, after your goodbye. Only when the user is done or asks for it.",
    "search_knowledge_base": "Looks up passages of the documents that you were given, by a question or key words.",
    "log_observation": "Notes something about the user or the task for the other agents and for the record.",
    "set_flag": "Sets one of the session's flags, which all agents know and by which conversations are handed over.",
}
"""By name, what a model is told of each."""

SET_FLAG = "set_flag"
"""Its parameters are the flags that the template declares."""

BUILTIN_TOOLS = frozenset(BUILTIN_DESCRIPTIONS)
