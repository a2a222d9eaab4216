"""Subjects and partitions: final, spelled in one file, and safe against ids that would change their meaning."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.ids import CustomerId, InvalidId, SessionId
from contracts.subjects import (
    PARTITIONS,
    Log,
    Writer,
    any_customer_session_filter,
    config_subject,
    heartbeat_subject,
    live_session_subject,
    owner_filter,
    owner_of,
    partition,
    session_filter,
    session_subject,
)

pytestmark = pytest.mark.unit

VECTORS = json.loads((Path(__file__).parents[2] / "contracts" / "fixtures" / "partitions.json").read_bytes())
_ids = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)

SPELLERS: list[Callable[[str], str]] = [
    lambda bad: session_subject(CustomerId(bad), SessionId("ses_1"), Writer.RUN),
    lambda bad: session_subject(CustomerId("cus_1"), SessionId(bad), Writer.RUN),
    lambda bad: session_filter(CustomerId(bad), SessionId("ses_1")),
    lambda bad: session_filter(CustomerId("cus_1"), SessionId(bad)),
    lambda bad: any_customer_session_filter(SessionId(bad)),
    lambda bad: config_subject(CustomerId(bad), "template", "tpl_1"),
    lambda bad: config_subject(CustomerId("cus_1"), bad, "tpl_1"),
    lambda bad: config_subject(CustomerId("cus_1"), "template", bad),
    lambda bad: heartbeat_subject(SessionId(bad), 1),
    lambda bad: live_session_subject(SessionId(bad)),
    *(lambda bad, log=log: owner_filter(log, CustomerId(bad), "e") for log in Log),
    *(lambda bad, log=log: owner_filter(log, CustomerId("c"), bad) for log in Log),
]


@pytest.mark.parametrize(
    "vector", VECTORS["partitions"], ids=lambda vector: f"{vector['customer']}/{vector['session']}"
)
def test_a_session_is_in_the_partition_that_the_vectors_say(vector: dict[str, Any]) -> None:
    hashed = fnv1a_32(f"{vector['customer']}/{vector['session']}".encode())
    assert f"0x{hashed:08x}" == vector["hash"]
    assert partition(vector["customer"], vector["session"]) == vector["partition"] == hashed % PARTITIONS


@pytest.mark.parametrize("vector", VECTORS["fnv1a_32"], ids=lambda vector: repr(vector["text"]))
def test_the_hash_of_the_vectors_is_the_published_fnv_1a(vector: dict[str, str]) -> None:
    published = {"": 0x811C9DC5, "a": 0xE40C292C, "b": 0xE70C2DE5, "foobar": 0xBF9CF968}
    assert fnv1a_32(vector["text"].encode()) == published[vector["text"]] == int(vector["hash"], 16)


def test_there_are_vectors_of_more_than_ascii_and_for_empty_texts() -> None:
    texts = [vector["customer"] + vector["session"] for vector in VECTORS["partitions"]]
    assert len(texts) >= 20
    assert any(not text.isascii() for text in texts)
    assert "" in texts


@given(_ids, _ids)
def test_a_partition_is_one_of_64(customer: str, session: str) -> None:
    assert 0 <= partition(customer, session) < PARTITIONS == 64


def test_sessions_spread_over_all_partitions() -> None:
    counts = [0] * PARTITIONS
    for number in range(64 * 200):
        counts[partition("cus_1", f"ses_{number:032x}")] += 1
    assert min(counts) > 100
    assert max(counts) < 300


@given(_ids, _ids, st.sampled_from(Writer))
def test_a_session_subject_is_stored_by_its_log_and_names_its_owner(customer: str, session: str, writer: str) -> None:
    subject = session_subject(CustomerId(customer), SessionId(session), Writer(writer))
    where = partition(customer, session)
    assert subject == f"evt.{where}.{customer}.{session}.{writer}"
    assert owner_of(subject) == (customer, session, where)
    for pattern in (
        Log.SESSIONS.subjects,
        session_filter(CustomerId(customer), SessionId(session)),
        any_customer_session_filter(SessionId(session)),
        owner_filter(Log.SESSIONS, CustomerId(customer), session),
    ):
        assert matches(pattern, subject), pattern


@given(_ids, _ids, _ids)
def test_a_config_subject_is_stored_by_its_log_and_names_its_owner(customer: str, kind: str, entity: str) -> None:
    subject = config_subject(CustomerId(customer), kind, entity)
    assert owner_of(subject) == (customer, entity, -1)
    assert matches(Log.CONFIG.subjects, subject)
    assert matches(owner_filter(Log.CONFIG, CustomerId(customer), entity), subject)


@given(_ids, _ids)
def test_the_filter_of_one_session_matches_no_other(one: str, other: str) -> None:
    subject = session_subject(CustomerId("cus_1"), SessionId(other), Writer.RUN)
    assert matches(session_filter(CustomerId("cus_1"), SessionId(one)), subject) == (one == other)


@pytest.mark.parametrize("bad", ["", "a.b", "*", ">", "a b", " ", "a\t", "a\nb", "ä", "x" * 65])
@pytest.mark.parametrize("spell", SPELLERS)
def test_an_id_that_would_change_a_subject_is_refused(spell: Callable[[str], str], bad: str) -> None:
    with pytest.raises(InvalidId):
        spell(bad)


@pytest.mark.parametrize(
    "subject", ["", "evt", "evt.1.c.s", "evt.x.c.s.run", "cfg.c.k", "led.c", "hb.s.1", "evt.1.c.s.r.x"]
)
def test_a_subject_that_no_log_stores_has_no_owner(subject: str) -> None:
    with pytest.raises(ValueError, match="not a subject"):
        owner_of(subject)


def fnv1a_32(octets: bytes) -> int:
    """Written out here once more, so that the code under test is not its own witness."""
    hashed = 2166136261
    for octet in octets:
        hashed ^= octet
        hashed = hashed * 16777619 % 2**32
    return hashed


def matches(pattern: str, subject: str) -> bool:
    """As NATS matches: `*` is one token, a last `>` is one or more."""
    wanted, tokens = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted, tokens = wanted[:-1], tokens[: len(wanted) - 1] if len(tokens) >= len(wanted) else []
    return len(wanted) == len(tokens) and all(want in ("*", token) for want, token in zip(wanted, tokens, strict=True))
