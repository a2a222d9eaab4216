"""Adapters that keep everything in this process: for tests, and for a session that is held without a server."""
