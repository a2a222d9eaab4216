"""Shared machinery of Baton's services. No business word appears here.

Ports (event_log, object_store, clock) are plain modules; their adapters live in memory/, nats/ and postgres/.
"""
