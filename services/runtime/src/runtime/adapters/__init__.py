"""Outbound: the log, the models, the room, JSON Schema."""
