"""Logs, traces and metrics. Identifiers go in; words that people said, and secrets, never do."""
