"""The tools that Baton itself gives to agents; panel and handoff tools are generated, not listed here."""

from contracts.panels.kind import Schema

BUILTIN_DESCRIPTIONS = {
    "end_session": "Ends the session, after your goodbye. Only when the user is done or asks for it.",
    "search_knowledge_base": "Looks up passages of the documents that you were given, by a question or key words.",
    "log_observation": "Notes something about the user or the task for the other agents and for the record.",
    "set_flag": "Sets one of the session's flags, which all agents know and by which conversations are handed over.",
}
"""By name, what a model is told of each."""

SET_FLAG = "set_flag"
"""Its parameters are the flags that the template declares."""

SEARCH_KNOWLEDGE_BASE = "search_knowledge_base"
"""What it searches is the agent's `knowledge`."""

BUILTIN_PARAMETERS: dict[str, Schema] = {
    "search_knowledge_base": {
        "type": "object",
        "properties": {
            "query": {
                "type": "string",
                "minLength": 1,
                "maxLength": 1000,
                "description": "What to look for, in the words of the documents: a question or key words.",
            }
        },
        "required": ["query"],
        "additionalProperties": False,
    },
    "end_session": {
        "type": "object",
        "properties": {"reason": {"type": "string", "maxLength": 2000, "description": "Why, in a sentence."}},
        "required": ["reason"],
        "additionalProperties": False,
    },
    "log_observation": {
        "type": "object",
        "properties": {"text": {"type": "string", "minLength": 1, "maxLength": 4000}},
        "required": ["text"],
        "additionalProperties": False,
    },
}
"""By name, the schema of a call; those that are left out depend on the template."""

BUILTIN_TOOLS = frozenset(BUILTIN_DESCRIPTIONS)
