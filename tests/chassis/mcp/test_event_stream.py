"""Server-sent events, however their bytes are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.mcp.event_stream import EventReader, EventTooLong

pytestmark = pytest.mark.unit

LINES = st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=8), min_size=1, max_size=4)


def read(*chunks: bytes, limit: int = 1000) -> list[bytes]:
    reader = EventReader(limit=limit)
    return [data for chunk in chunks for data in reader.feed(chunk)]


def test_data_of_several_lines_is_one_event_and_other_fields_are_none() -> None:
    stream = b"\xef\xbb\xbf: hello\nid: 1\nretry: 5\n\nevent: message\ndata: a\ndata:b\ndata\n\ndata: cut off"
    assert read(stream) == [b"a\nb\n"]


@given(events=st.lists(LINES, max_size=4), end=st.sampled_from(["\n", "\r\n", "\r"]), cuts=st.data())
def test_events_are_the_same_wherever_the_stream_is_cut(events: list[list[str]], end: str, cuts: st.DataObject) -> None:
    stream = "".join("".join(f"data: {line}{end}" for line in lines) + end for lines in events).encode()
    places = sorted(cuts.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    chunks = [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]
    assert read(*chunks) == ["\n".join(lines).encode() for lines in events]


@pytest.mark.parametrize("chunk", [b"data: " + b"x" * 30, b"data: 0123456789\n", b": " + b"x" * 30])
def test_an_event_that_is_too_long_ends_the_stream(chunk: bytes) -> None:
    with pytest.raises(EventTooLong):
        read(chunk, chunk, chunk, limit=25)
