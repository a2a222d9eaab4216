"""Envelopes and commits: what goes in comes out, and what may not stand in a log is refused."""

import json
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.envelope import (
    MAX_COMMIT_BYTES,
    Envelope,
    InvalidCommit,
    associated_data,
    decode_commit,
    encode_commit,
    format_time,
    parse_time,
)
from contracts.ids import CustomerId, EventId, KeyId

pytestmark = pytest.mark.unit

_texts = st.text(max_size=40)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=10,
)
_envelopes = st.builds(
    Envelope,
    id=_texts.map(EventId),
    type=_texts,
    v=st.integers(1, 9),
    time=st.datetimes(timezones=st.just(UTC)).map(format_time),
    customer=_texts.map(CustomerId),
    subject=_texts,
    writer=_texts,
    n=st.integers(1, 2**53),
    epoch=st.integers(0, 2**31),
    actor=_texts,
    source=_texts,
    livemode=st.booleans(),
    correlationid=_texts,
    causationid=_texts,
    traceparent=_texts,
    keyid=_texts.map(KeyId),
    data=st.dictionaries(_texts, _json, max_size=4).map(lambda value: msgspec.Raw(msgspec.json.encode(value))),
    personal=st.binary(max_size=60),
)


@given(st.lists(_envelopes, min_size=1, max_size=5))
def test_decoding_undoes_encoding(events: list[Envelope]) -> None:
    payload = encode_commit(events)
    assert decode_commit(payload) == events
    assert encode_commit(decode_commit(payload)) == payload, "the bytes too: the record's chain hashes them"


@given(_envelopes, st.dictionaries(st.from_regex(r"new_[a-z]{1,8}", fullmatch=True), _json, max_size=3))
def test_fields_of_a_newer_build_are_tolerated(event: Envelope, newer: dict[str, object]) -> None:
    (plain,) = json.loads(encode_commit([event]))
    assert decode_commit(json.dumps([plain | newer]).encode())[0].id == event.id


def test_an_empty_commit_is_refused_both_ways() -> None:
    with pytest.raises(InvalidCommit):
        encode_commit([])
    with pytest.raises(InvalidCommit):
        decode_commit(b"[]")


@pytest.mark.parametrize(
    "payload",
    [b"", b"null", b"{}", b"[{}]", b"[1]", b"\xff", b'[{"id":"e"}]', b"[" * 10_000],
    ids=lambda p: repr(p[:9]),
)
def test_bytes_that_are_no_commit_are_refused(payload: bytes) -> None:
    with pytest.raises(InvalidCommit):
        decode_commit(payload)


def test_a_commit_may_be_as_large_as_the_bound_and_not_a_byte_larger() -> None:
    overhead = len(encode_commit([an_event(subject="")]))
    encode_commit([an_event(subject="x" * (MAX_COMMIT_BYTES - overhead))])
    with pytest.raises(InvalidCommit, match="at most 524288 bytes, not 524289"):
        encode_commit([an_event(subject="x" * (MAX_COMMIT_BYTES - overhead + 1))])


def test_what_is_at_its_default_is_left_out_of_the_bytes() -> None:
    (plain,) = json.loads(encode_commit([an_event()]))
    assert list(plain) == ["id", "type", "v", "time", "customer", "subject", "writer", "n", "data"]


@given(
    st.datetimes(
        min_value=datetime(1970, 1, 2),
        max_value=datetime(9999, 12, 30),
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
    )
)
def test_times_keep_their_microseconds_and_turn_to_utc(moment: datetime) -> None:
    text = format_time(moment)
    assert parse_time(text) == moment
    assert text.endswith("Z")
    assert len(text) == len("2026-01-01T00:00:00.000000Z"), "so that texts sort as times do"


def test_what_a_seal_is_bound_to_is_spelled_once_and_for_ever() -> None:
    binding = associated_data(id=EventId("e"), type="turn.user_said", v=1, customer=CustomerId("c"), subject="s")
    assert binding == b'["e","turn.user_said",1,"c","s"]'


@given(_texts, _texts)
def test_no_two_events_share_a_binding(one: str, other: str) -> None:
    def binding(customer: str, subject: str) -> bytes:
        return associated_data(id=EventId("e"), type="t", v=1, customer=CustomerId(customer), subject=subject)

    assert (binding(one, other) == binding(other, one)) == (one == other)


def an_event(*, subject: str = "ses_1") -> Envelope:
    return Envelope(
        id=EventId("e"),
        type="session.started",
        v=1,
        time="2026-01-01T00:00:00.000000Z",
        customer=CustomerId("cus_1"),
        subject=subject,
        writer="run",
        n=1,
        data=msgspec.Raw(b"{}"),
    )
