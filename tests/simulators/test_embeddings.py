"""Simulated embeddings: the same text lies in the same place, alike texts lie together, and no answers are stored."""

import math

import pytest

from simulators.embeddings import BadEmbeddings, answer_to, decode_request, tokens_of, vector_of

pytestmark = pytest.mark.unit


def cosine(one: str, other: str) -> float:
    return sum(a * b for a, b in zip(vector_of(one, 512), vector_of(other, 512), strict=True))


def test_a_vector_has_length_one_and_is_always_the_same() -> None:
    for text in ("The pump leaks.", "?!", "a" * 10_000):
        vector = vector_of(text, 256)
        assert math.isclose(math.sqrt(sum(one * one for one in vector)), 1.0)
        assert vector == vector_of(text, 256)


def test_texts_with_words_or_parts_of_words_in_common_lie_together() -> None:
    question = "the pump is leaking"
    assert cosine(question, question) == pytest.approx(1.0)
    assert cosine(question, "a leak at the pump") > cosine(question, "the thermostat on the wall") + 0.2
    assert cosine("leaking", "leaks") > cosine("leaking", "lamps") + 0.1


def test_small_words_count_little() -> None:
    assert cosine("the and for pump", "pump") > 0.9


def test_an_answer_has_the_form_of_the_vendor() -> None:
    asked = decode_request(b'{"model": "text-embedding-3-small", "input": ["a b", "c"], "dimensions": 8}')
    answer = answer_to(asked)
    assert answer["usage"] == {"prompt_tokens": tokens_of("a b") + tokens_of("c"), "total_tokens": 2}
    assert [len(one["embedding"]) for one in answer["data"]] == [8, 8]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"model": "text-embedding-3-small", "input": []}',
        b'{"model": "text-embedding-3-small", "input": ""}',
        b'{"model": "text-embedding-3-small", "input": "a", "dimensions": 1537}',
    ],
)
def test_what_the_vendor_would_refuse_is_refused(body: bytes) -> None:
    with pytest.raises(BadEmbeddings):
        decode_request(body)
