"""Declaring the logs: what they are like, that it may be done again, and that it keeps what it does not know."""

from typing import Any

import pytest

from chassis.nats import api
from chassis.nats.connection import Client
from chassis.nats.logs import declare_logs
from contracts.envelope import MAX_COMMIT_BYTES

pytestmark = pytest.mark.integration


async def settings_of(client: Client, stream: str) -> dict[str, Any]:
    found = await api.call(client, f"STREAM.INFO.{stream}", None, dict[str, Any], timeout_s=5)
    return dict(found["config"])


@pytest.mark.parametrize(("log", "write_once"), [("CONFIG", False), ("SESSIONS", False), ("LEDGER", True)])
async def test_a_log_refuses_when_full_and_forgets_nothing(client: Client, log: str, write_once: bool) -> None:
    await declare_logs(client, replicas=1)
    found = await settings_of(client, log)
    assert (found["discard"], found["retention"], found["storage"]) == ("new", "limits", "file")
    assert (found["max_age"], found["max_bytes"], found["max_msgs"]) == (0, -1, -1)
    assert found["max_msg_size"] > MAX_COMMIT_BYTES
    assert found["duplicate_window"] == 120 * 10**9
    assert found["allow_direct"]
    assert (found.get("deny_delete", False), found.get("deny_purge", False)) == (write_once, write_once)


async def test_declaring_again_keeps_the_log_and_what_others_have_set(client: Client) -> None:
    await declare_logs(client, replicas=1)
    changed = await settings_of(client, "SESSIONS") | {
        "max_msgs_per_subject": 7,
        "description": "kept",
        "max_age": 10**12,
    }
    await api.call(client, "STREAM.UPDATE.SESSIONS", changed, dict[str, Any], timeout_s=5)
    await declare_logs(client, replicas=1)
    found = await settings_of(client, "SESSIONS")
    assert (found["max_msgs_per_subject"], found["description"], found["max_age"]) == (7, "kept", 0)


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01T00:00:01Z", 10**9),
        ("1970-01-01T00:00:00.5Z", 5 * 10**8),
        ("2026-11-25T10:04:53.123456789Z", 1795601093123456789),
    ],
)
def test_a_time_of_jetstream_is_read_to_the_nanosecond(text: str, ns: int) -> None:
    assert api.nanoseconds(text) == ns
