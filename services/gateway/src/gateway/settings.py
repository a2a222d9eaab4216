"""Settings of the gateway, read from BATON_* variables."""

import msgspec

from contracts.pricing import DEPLOYMENT_BOOK


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`key_pepper` hashes API keys and is the same in all services; `master_key` (64 hex) wraps customers' keys.

    `livekit_url` is where this process reaches LiveKit; empty means roomless: nothing is dispatched and no token is
    made. `livekit_public_url` is what browsers are told, where that differs. Times in seconds.
    `price_book` is the deployment's own, by name: the same as the ledger's; it prices
    sessions of customers who have none of their own.
    `development_reach_loopback` lets customers' webhooks be on this very machine: never in production.
    `login_public_keys` verify the access tokens of members: Ed25519, 64 hexadecimal digits each, commas between; empty
    lets no member in.
    `api_document` is the file of the whole API's OpenAPI document, served at `/api/openapi.json`; empty: not served.
    """

    nats_url: str
    postgres_dsn: str
    key_pepper: str
    master_key: str
    livekit_url: str = ""
    livekit_public_url: str = ""
    livekit_key: str = ""
    livekit_secret: str = ""
    token_ttl_s: int = 600
    max_sessions: int = 100
    price_book: str = DEPLOYMENT_BOOK
    login_public_keys: str = ""
    api_document: str = ""
    nats_replicas: int = 1
    otlp_endpoint: str = ""
    host: str = "127.0.0.1"
    port: int = 0
    log_json: bool = False
    development_reach_loopback: bool = False
