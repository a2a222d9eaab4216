"""The settings of all services as environment variables: the same for one process and for five.

Without a provider's key in the environment, its base URL is that of the simulator.
"""

from collections.abc import Mapping

from baton.parts import Parts
from baton.secret_files import operator_token
from chassis.access_tokens import TokenIssuer
from chassis.embedded.ports import free_port
from chassis.operators import operator_entry
from chassis.sealing import derive_key

PROVIDERS = ("OPENAI", "DEEPGRAM", "CARTESIA")
_OPENAI = "https://api.openai.com/v1"


def for_services(parts: Parts, environment: Mapping[str, str], *, log_json: bool = False) -> dict[str, str]:
    """BATON_* and the providers' variables; secrets come from the data folder."""
    secret = parts.folder.secret
    master = derive_key(secret("master").encode(), "master key")
    signing = derive_key(secret("master").encode(), "ledger signing key")
    login = derive_key(secret("master").encode(), "login signing key")
    found = {
        "BATON_NATS_URL": parts.nats.url,
        "BATON_POSTGRES_DSN": parts.postgres_dsn,
        "BATON_KEY_PEPPER": secret("key_pepper"),
        "BATON_MASTER_KEY": master.hex(),
        "BATON_SIGNING_KEY": signing.hex(),
        "BATON_LOGIN_SIGNING_KEY": login.hex(),
        "BATON_LOGIN_PUBLIC_KEYS": TokenIssuer(login).public_key.hex(),
        "BATON_REGISTRATION": "open",
        "BATON_ADMIN_PORT": str(free_port()),
        "BATON_OPERATORS": operator_entry(secret("key_pepper").encode(), operator_token(parts.folder.path)),
        "BATON_SECRET_KEYS": derive_key(secret("master").encode(), "secret keys").hex(),
        "BATON_DEVELOPMENT_REACH_LOOPBACK": "true",
        "BATON_LIVEKIT_URL": parts.livekit.url if parts.livekit else "",
        "BATON_LIVEKIT_KEY": parts.livekit.key if parts.livekit else "",
        "BATON_LIVEKIT_SECRET": parts.livekit.secret if parts.livekit else "",
        "BATON_SPILL_DIR": str(parts.folder.part("spill")),
        "BATON_OTLP_ENDPOINT": environment.get("BATON_OTLP_ENDPOINT", ""),
        "BATON_LOG_JSON": "true" if log_json else "false",
    }
    providers = provider_variables(parts, environment)
    urls = {
        name.removesuffix("_BASE_URL").lower(): url for name, url in providers.items() if name.endswith("_BASE_URL")
    }
    found["BATON_PROVIDER_URLS"] = ",".join(f"{name}={url}" for name, url in urls.items())
    found["BATON_EMBEDDINGS_BASE_URL"] = providers.get("OPENAI_BASE_URL", _OPENAI)
    found["BATON_EMBEDDINGS_KEY"] = providers.get("OPENAI_API_KEY", "")
    return {**found, **providers}


def provider_variables(parts: Parts, environment: Mapping[str, str]) -> dict[str, str]:
    """Base URL and key per provider: yours where you gave either, else the simulator's."""
    simulated = {
        "OPENAI": parts.simulators.openai_base_url,
        "DEEPGRAM": parts.simulators.deepgram_base_url,
        "CARTESIA": parts.simulators.cartesia_base_url,
    }
    found: dict[str, str] = {}
    for provider in PROVIDERS:
        names = (f"{provider}_BASE_URL", f"{provider}_API_KEY")
        yours = {name: environment[name] for name in names if environment.get(name)}
        found |= yours or dict(zip(names, (simulated[provider], "simulated"), strict=True))
    return found
