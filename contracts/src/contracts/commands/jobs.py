"""What a worker tells the gateway about the jobs it runs, and what the gateway tells a job at dispatch."""

from typing import Literal

import msgspec

from contracts.ids import CustomerId, KeyId, SessionId, VersionHash
from contracts.providers import ProviderName


class JobMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """The dispatch's metadata: all that a job needs to claim its session. No secret, nothing personal.

    `own_providers` are those at which the customer has a key of its own, `deployment_providers` those at which config
    keeps one of the deployment's, as the gateway knew at the dispatch.
    """

    session: SessionId
    customer: CustomerId
    epoch: int
    version: VersionHash
    keyid: KeyId
    identity: str
    livemode: bool
    traceparent: str = ""
    own_providers: list[ProviderName] = []
    deployment_providers: list[ProviderName] = []


class JobDied(msgspec.Struct, frozen=True, kw_only=True):
    """A job process is gone and its spill is published; `exit_code` as the worker saw it, negative for a signal."""

    session: SessionId
    customer: CustomerId
    epoch: int
    job_id: str
    participant: str
    exit_code: int | None = None


class JobDeathTaken(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway has it; `action` says what the session gets."""

    action: Literal["nothing", "ended", "redispatched"]
