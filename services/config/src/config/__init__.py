"""config owns what customers define before a session: agent definitions, templates, API keys, themselves.

Each is an event-sourced entity in the CONFIG log. It publishes immutable template versions into the object store, and
never takes part in a call: a published template starts sessions while config is down.
"""
