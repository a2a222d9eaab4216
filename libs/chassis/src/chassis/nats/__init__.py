"""Adapters on NATS: the connection, the event log and objects on JetStream, request/reply on core NATS.

Nothing outside this room imports nats-py, except to name the type of a connection.
"""
