"""Settings of the config service, read from BATON_* variables."""

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`nats_url` may hold user and password; `key_pepper` hashes API keys and is the same in all services.

    `secret_keys` wrap what seals customers' secrets: 64 hexadecimal digits each, commas between, the current one first
    (chassis.vault says how they rotate). `development_reach_loopback` lets customers' tools be on this very machine:
    never in production. `provider_urls` says where providers are, other than at their own addresses, for keys of
    customers who name no address: ``openai=https://…/v1,deepgram=https://…/v1/listen``.
    """

    nats_url: str
    postgres_dsn: str
    key_pepper: str
    secret_keys: str
    nats_replicas: int = 1
    otlp_endpoint: str = ""
    host: str = "127.0.0.1"
    port: int = 0
    log_json: bool = False
    development_reach_loopback: bool = False
    provider_urls: str = ""
