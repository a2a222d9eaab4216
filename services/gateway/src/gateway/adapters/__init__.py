"""The gateway's way to the world: LiveKit, PostgreSQL, the CONFIG log, a session's streams."""
