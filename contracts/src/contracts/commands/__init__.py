"""Commands that cross a service boundary, as NATS request/reply: one file per answering service."""
