"""The ready file: written once everything answers, so that a person or a program can go on from there."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

NAME = "ready.json"
ENVIRONMENT_NAME = "environment.json"
"""The settings of all services, for tools and for `baton run` beside a running `baton up`."""


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything is. It holds secrets of the development deployment: mode 0600.

    `nats_url` carries user and password; `nats_creds` is the path of a credentials file where one is used.
    `livekit_url` is empty where no LiveKit server can be had. `pids` are those of the parts, by name.
    `admin_url` is where operators are answered, with `operator_token`.
    """

    api_url: str
    api_key: str
    template_id: str
    admin_url: str
    operator_token: str
    nats_url: str
    nats_creds: str | None
    postgres_dsn: str
    livekit_url: str
    livekit_key: str
    livekit_secret: str
    ledger_public_key: str
    topology: str
    simulators: dict[str, str]
    pids: dict[str, int]


def write(content: object, path: Path) -> None:
    """JSON, mode 0600, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".draft")
    draft.touch(mode=0o600)
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2))
    draft.replace(path)


class NotRunning(Exception):
    """No ready file: nothing runs on that data folder."""


def read(path: Path) -> Ready:
    """Raises NotRunning."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Ready)
    except (FileNotFoundError, msgspec.MsgspecError) as error:
        raise NotRunning(f"no running Baton is described in {path}: start one with `baton up`") from error


def environment_of(data: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The settings of the services that run on a data folder, under those of the environment.

    Raises NotRunning when neither says where NATS is.
    """
    try:
        kept = msgspec.json.decode((data / ENVIRONMENT_NAME).read_bytes(), type=dict[str, str])
    except (FileNotFoundError, msgspec.MsgspecError):
        kept = {}
    found = {**kept, **environment}
    if "BATON_NATS_URL" not in found:
        raise NotRunning(f"no Baton runs on the data folder {data}: start one with `baton up`, or set BATON_NATS_URL")
    return found
