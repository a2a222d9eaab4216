"""The HTTP side that all services share: problem+json, authentication, health, request ids and traces."""
