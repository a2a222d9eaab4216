"""Words are said otherwise wherever the stream happens to be cut, and no word that only contains them is touched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.domain.pronunciation import Pronouncer

pytestmark = pytest.mark.unit

SAID = {"SQL": "sequel", "AI": "A I", "New York": "Noo Yawk", "York": "Yawk"}
pieces = st.lists(
    st.sampled_from(["SQL", "AI", "New", "York", "said", "MySQL", " ", "  ", ".", "a", "\n"]), max_size=20
)


def said(chunks: list[str]) -> str:
    pronouncer = Pronouncer(SAID)
    return "".join([*(pronouncer.push(chunk) for chunk in chunks), pronouncer.flush()])


def test_whole_words_are_replaced_in_their_own_case_only() -> None:
    assert said(["SQL, sql and MySQL; AI said so in New York."]) == "sequel, sql and MySQL; A I said so in Noo Yawk."


@given(pieces, st.data())
def test_where_the_stream_is_cut_changes_nothing(written: list[str], data: st.DataObject) -> None:
    text = "".join(written)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    chunks = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert said(chunks) == said([text])


def test_nothing_is_held_back_longer_than_the_longest_entry() -> None:
    pronouncer = Pronouncer({"SQL": "sequel"})
    assert pronouncer.push("one two three") == "one two "
    assert Pronouncer({}).push("one") == "one"
