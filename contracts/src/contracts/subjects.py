"""The only place where a NATS subject, log, bucket or writer is spelled.

Subjects are final: a session's partition is a constant of the language, computed by the client
(reference: a server-side transform would silently disable optimistic concurrency).
"""

from enum import StrEnum
from typing import NamedTuple

from contracts.ids import CustomerId, SessionId, check_id

PARTITIONS = 64
"""Number of partitions of the SESSIONS log. It never changes; streams may be split by ranges of it."""

TEMPLATE_VERSIONS_BUCKET = "TEMPLATE_VERSIONS"
"""Object store bucket: published template versions, each under its SHA-256."""

KNOWLEDGE_BUCKET = "KNOWLEDGE"
"""Object store bucket: customers' documents and their chunks, sealed. Config alone uses it."""

MCP_TOOLS_BUCKET = "MCP_TOOLS"
"""Object store bucket: tools of MCP servers as they were approved, each under its SHA-256."""

SECRETS_BUCKET = "SECRETS"
"""Key-value bucket: customers' secrets as config seals them, and their wrapped data keys. Config alone uses it."""


KEY_USES_BUCKET = "KEY_USES"
"""Key-value bucket: when each API key was last used, to a minute or so; any service writes, config reads."""


class Log(StrEnum):
    """A JetStream stream that holds many of our streams."""

    CONFIG = "CONFIG"
    SESSIONS = "SESSIONS"
    LEDGER = "LEDGER"

    @property
    def subjects(self) -> str:
        """The wildcard subject that the log stores."""
        return _LOG_SUBJECTS[self]


_LOG_SUBJECTS = {Log.CONFIG: "cfg.>", Log.SESSIONS: "evt.>", Log.LEDGER: "led.>"}


class Writer(StrEnum):
    """Who may append to a session's streams."""

    ADMISSION = "admission"
    """Any gateway process."""
    RUN = "run"
    """Whoever holds the session's epoch."""
    LATE = "late"
    """A spill that came back after the session had moved on."""


CONFIG_WRITER = "config"
"""The writer named in the envelopes of CONFIG streams."""

MEMBERS = "members"
"""The kind of the stream in CONFIG that holds all members and invitations of a customer, under the customer's id."""

LOGINS = "login"
"""The kind of the streams in CONFIG that hold one login of a member each."""


def partition(customer: str, session: str) -> int:
    """Partition of a session, 0..63: FNV-1a 32-bit of UTF-8 ``customer + "/" + session``, modulo 64.

    Source: Fowler, Noll, Vo, FNV-1a; test vectors in contracts/fixtures/partitions.json.
    """
    hashed = 0x811C9DC5
    for byte in f"{customer}/{session}".encode():
        hashed = ((hashed ^ byte) * 0x01000193) & 0xFFFFFFFF
    return hashed % PARTITIONS


def session_subject(customer: CustomerId, session: SessionId, writer: Writer) -> str:
    """``evt.<p>.<customer>.<session>.<writer>``; raises InvalidId for an id that may not stand in a subject."""
    return f"evt.{partition(customer, session)}.{check_id(customer)}.{check_id(session)}.{writer}"


def session_filter(customer: CustomerId, session: SessionId) -> str:
    """All writers of one session."""
    return f"evt.{partition(customer, session)}.{check_id(customer)}.{check_id(session)}.*"


def any_customer_session_filter(session: SessionId) -> str:
    """All writers of a session whose customer (and so partition) is not known: for operators' tools only."""
    return f"evt.*.*.{check_id(session)}.*"


def config_subject(customer: CustomerId, kind: str, entity: str) -> str:
    """``cfg.<customer>.<kind>.<id>``."""
    return f"cfg.{check_id(customer)}.{check_id(kind)}.{check_id(entity)}"


def config_filter(customer: CustomerId, kind: str) -> str:
    """All entities of one kind of a customer."""
    return f"cfg.{check_id(customer)}.{check_id(kind)}.*"


class StreamOwner(NamedTuple):
    """Whose stream a subject is: `entity` is the session, entity or account; `partition` is -1 outside SESSIONS."""

    customer: CustomerId
    entity: str
    partition: int


def owner_of(subject: str) -> StreamOwner:
    """Read back from a subject of any log; raises ValueError for a subject that no log stores."""
    match subject.split("."):
        case ["evt", number, customer, session, _] if number.isdecimal():
            return StreamOwner(CustomerId(customer), session, int(number))
        case ["cfg", customer, _, entity]:
            return StreamOwner(CustomerId(customer), entity, -1)
        case ["led", customer, account]:
            return StreamOwner(CustomerId(customer), account, -1)
        case _:
            raise ValueError(f"{subject[:200]!r} is not a subject of a log")


def owner_filter(log: Log, customer: CustomerId, entity: str) -> str:
    """Every stream of one session, entity or account; raises InvalidId."""
    match log:
        case Log.SESSIONS:
            return session_filter(customer, SessionId(entity))
        case Log.CONFIG:
            return f"cfg.{check_id(customer)}.*.{check_id(entity)}"
        case Log.LEDGER:
            return f"led.{check_id(customer)}.{check_id(entity)}"


def heartbeat_subject(session: SessionId, epoch: int) -> str:
    """Core NATS: a live job beats here every 0.5 s from its own event loop."""
    return f"hb.{check_id(session)}.{epoch}"


HEARTBEATS = "hb.>"
"""What a watcher of heartbeats subscribes to."""


def live_session_subject(session: SessionId) -> str:
    """Core NATS request/reply to the job that serves a session (commands in contracts/commands/live.py)."""
    return f"req.run.{check_id(session)}"


OPEN_KEY = "req.gateway.open_key"
"""Request/reply: a session's data key by key id (contracts/commands/keys.py)."""

JOB_DEATH = "req.gateway.job_death"
"""Request/reply: a worker reports that a job process of its own died (contracts/commands/jobs.py)."""

TOOL_SECRETS = "req.config.tool_secrets"
"""Request/reply: the secrets of a session's own tools and MCP servers (contracts/commands/secrets.py)."""

MCP_TOOLS = "req.config.mcp_tools"
"""Request/reply: a session saw that an MCP server's tools have changed (contracts/commands/mcp.py)."""

PROVIDER_CREDENTIALS = "req.config.provider_credentials"
"""Request/reply: a customer's own keys at providers, for a job of its own (contracts/commands/secrets.py)."""

SEARCH_KNOWLEDGE = "req.config.search_knowledge"
"""Request/reply: passages of a customer's documents (contracts/commands/knowledge.py)."""

SESSION_COST = "req.ledger.session_cost"
"""Request/reply: what a session cost (contracts/commands/costs.py)."""
