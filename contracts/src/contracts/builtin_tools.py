"""Names of the tools that Baton itself gives to agents; panel and handoff tools are generated, not listed here."""

BUILTIN_TOOLS = frozenset({"end_session", "log_observation"})
