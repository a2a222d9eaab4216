"""The LiveKit agent server: everything said and done inside a session.

A worker takes jobs from LiveKit; each job is a process that claims one session's epoch, builds the agents of its
template version, talks to the participant, and records what happens. It writes the `run` events of the sessions it
holds, and nothing else. On the voice path it waits for no disk and no log.
"""
