"""Settings of the config service, read from BATON_* variables."""

from typing import Literal

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`nats_url` may hold user and password; `key_pepper` hashes API keys and is the same in all services.

    `secret_keys` wrap what seals customers' secrets: 64 hexadecimal digits each, commas between, the current one first
    (chassis.vault says how they rotate). `development_reach_loopback` lets customers' tools be on this very machine:
    never in production. `provider_urls` says where providers are, other than at their own addresses, for keys of
    customers who name no address: ``openai=https://…/v1,deepgram=https://…/v1/listen``.

    People: `login_signing_key` (64 hexadecimal digits, an Ed25519 private key; config alone has it) signs the access
    tokens of members, `login_public_keys` (commas between) verify them in all services; without them nobody logs in.
    With `registration` open anybody may become a customer, with at most `registered_max_sessions` sessions at once.
    In any 15 minutes an e-mail address is tried at most `attempts_per_address` times, and one network address makes at
    most `attempts_per_caller` requests that need no credential. `trusted_proxies` is how many proxies in front append
    to X-Forwarded-For; 0 takes the connection's own address.

    OIDC beside passwords, off while `oidc_issuer` is empty: `oidc_client_id` and `oidc_client_secret` as the provider
    gave them, `oidc_redirect_url` as it was told.

    `embeddings_base_url` is an endpoint that speaks OpenAI's wire protocol; without one, documents are searched by
    words alone, and PostgreSQL needs no pgvector. `embeddings_dimensions` numbers make a vector of `embeddings_model`.

    `operators` may use the operators' own API, which is served on `admin_port` of `host`, and nowhere without one:
    ``op_grace:<digest>,op_ben:<digest>`` (chassis.operators; `baton admin token` makes them).
    """

    nats_url: str
    postgres_dsn: str
    key_pepper: str
    secret_keys: str
    admin_port: int | None = None
    operators: str = ""
    nats_replicas: int = 1
    otlp_endpoint: str = ""
    host: str = "127.0.0.1"
    port: int = 0
    log_json: bool = False
    development_reach_loopback: bool = False
    provider_urls: str = ""
    login_signing_key: str = ""
    login_public_keys: str = ""
    registration: Literal["open", "closed"] = "closed"
    registered_max_sessions: int = 10
    attempts_per_address: int = 10
    attempts_per_caller: int = 100
    trusted_proxies: int = 0
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = ""
    oidc_redirect_url: str = ""
    embeddings_base_url: str = ""
    embeddings_model: str = "text-embedding-3-small"
    embeddings_dimensions: int = 1536
    embeddings_key: str = ""
