"""Settings of the ledger, read from BATON_* variables."""

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`nats_url` and `postgres_dsn` may hold user and password; `key_pepper` hashes API keys, the same in all services.

    `signing_key` signs exports: an Ed25519 seed, 32 bytes in hex. `price_book` is the deployment's own, by name, for
    sessions that name none.
    `login_public_keys` verify the access tokens of members: Ed25519, 64 hexadecimal digits each, commas between; empty
    lets no member in.
    """

    nats_url: str
    postgres_dsn: str
    key_pepper: str
    signing_key: str
    price_book: str = "2026-11"
    login_public_keys: str = ""
    nats_replicas: int = 1
    otlp_endpoint: str = ""
    host: str = "127.0.0.1"
    port: int = 0
    log_json: bool = False
