"""Settings of the panel-bridge, read from BATON_* variables."""

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`nats_url` and `postgres_dsn` may hold user and password; `key_pepper` hashes API keys, one for all services.
    `login_public_keys` verify the access tokens of members: Ed25519, 64 hexadecimal digits each, commas between; empty
    lets no member in.
    """

    nats_url: str
    postgres_dsn: str
    key_pepper: str
    login_public_keys: str = ""
    nats_replicas: int = 1
    otlp_endpoint: str = ""
    host: str = "127.0.0.1"
    port: int = 0
    log_json: bool = False
