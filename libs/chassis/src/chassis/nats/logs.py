"""What the logs and buckets look like on JetStream. A migration step declares them; services only use them.

Declaring is idempotent, and an update keeps every setting that this file does not name.
"""

from typing import Any

import structlog

from chassis.nats import api
from chassis.nats.connection import Client
from contracts.envelope import MAX_COMMIT_BYTES
from contracts.subjects import (
    KEY_USES_BUCKET,
    KNOWLEDGE_BUCKET,
    MCP_TOOLS_BUCKET,
    SECRETS_BUCKET,
    TEMPLATE_VERSIONS_BUCKET,
    Log,
)

Settings = dict[str, Any]

_log = structlog.get_logger(__name__)
_TIMEOUT_S = 20.0
_HEADER_BYTES = 4096
_DUPLICATE_WINDOW_NS = 120 * 1_000_000_000
_WRITE_ONCE: Settings = {"deny_delete": True, "deny_purge": True}
_MORE: dict[Log, Settings] = {Log.CONFIG: {}, Log.SESSIONS: {}, Log.LEDGER: _WRITE_ONCE}


async def declare_logs(client: Client, *, replicas: int) -> None:
    """Create or update the streams of all logs and the buckets beside them. Raises LogFault."""
    for log in Log:
        await _declare(client, log_settings(log, replicas=replicas))
    for objects in (TEMPLATE_VERSIONS_BUCKET, KNOWLEDGE_BUCKET, MCP_TOOLS_BUCKET):
        await _declare(client, bucket_settings(objects, replicas=replicas))
    for bucket in (SECRETS_BUCKET, KEY_USES_BUCKET):
        await _declare(client, keyed_settings(bucket, replicas=replicas))


def log_settings(log: Log, *, replicas: int) -> Settings:
    """A log: kept for ever, refuses when full, one message per commit, on disk."""
    return {
        "name": str(log),
        "subjects": [log.subjects],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "num_replicas": replicas,
        "max_age": 0,
        "max_bytes": -1,
        "max_msgs": -1,
        "max_msg_size": MAX_COMMIT_BYTES + _HEADER_BYTES,
        "duplicate_window": _DUPLICATE_WINDOW_NS,
        "allow_direct": True,
        **_MORE[log],
    }


def bucket_settings(bucket: str, *, replicas: int) -> Settings:
    """An object store as nats-py and the nats CLI know it (ADR-20)."""
    return {
        "name": f"OBJ_{bucket}",
        "subjects": [f"$O.{bucket}.C.>", f"$O.{bucket}.M.>"],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "num_replicas": replicas,
        "max_age": 0,
        "max_bytes": -1,
        "max_msgs": -1,
        "allow_rollup_hdrs": True,
        "allow_direct": True,
    }


def keyed_settings(bucket: str, *, replicas: int) -> Settings:
    """A key-value bucket as nats-py and the nats CLI know it (ADR-8), with a history of one."""
    return {
        "name": f"KV_{bucket}",
        "subjects": [f"$KV.{bucket}.>"],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "num_replicas": replicas,
        "max_age": 0,
        "max_bytes": -1,
        "max_msgs": -1,
        "max_msgs_per_subject": 1,
        "allow_rollup_hdrs": True,
        "deny_delete": True,
        "allow_direct": True,
    }


async def _declare(client: Client, wanted: Settings) -> None:
    name = wanted["name"]
    found = await _find(client, name)
    if found is None:
        await api.call(client, f"STREAM.CREATE.{name}", wanted, dict[str, Any], timeout_s=_TIMEOUT_S)
        _log.info("stream_created", stream=name)
    elif any(found.get(key) != value for key, value in wanted.items() if value or key in found):
        await api.call(client, f"STREAM.UPDATE.{name}", found | wanted, dict[str, Any], timeout_s=_TIMEOUT_S)
        _log.info("stream_updated", stream=name)


async def _find(client: Client, name: str) -> Settings | None:
    try:
        answer = await api.call(client, f"STREAM.INFO.{name}", None, dict[str, Any], timeout_s=_TIMEOUT_S)
    except api.ApiRefused as error:
        if error.err_code == api.STREAM_NOT_FOUND:
            return None
        raise
    found: Settings = answer["config"]
    return found
