"""OpenAI's embeddings: POST /embeddings. Vectors of words and of parts of words, so that alike texts lie together.

Wire: https://platform.openai.com/docs/api-reference/embeddings. Feature hashing (Weinberger et al., "Feature Hashing
for Large Scale Multitask Learning", ICML 2009) of words and of their letters in groups of three to five (Bojanowski et
al., "Enriching Word Vectors with Subword Information", 2017): "leak" lies near "leaking". It knows no meaning beyond
that, no synonyms and no table of answers. The same text gives the same vector, on every machine.
"""

import base64
import hashlib
import math
import re
from array import array
from collections import Counter
from functools import lru_cache
from typing import Literal

import msgspec

MODEL_DIMENSIONS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072}
MAX_INPUTS = 2048
_WORD = re.compile(r"[^\W_]+")
_GRAMS = (3, 4, 5)
_LETTERS_OF_EMPTY = 3
"""Words up to so long say little ("the", "it"), and count little."""


class EmbeddingsRequest(msgspec.Struct):
    """As the client sends it."""

    model: str
    input: str | list[str]
    dimensions: int | None = None
    encoding_format: Literal["float", "base64"] = "float"

    @property
    def texts(self) -> list[str]:
        """One or many."""
        return [self.input] if isinstance(self.input, str) else self.input


class BadEmbeddings(ValueError):
    """A request that the vendor would refuse; `param` says what of it."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


def decode_request(body: bytes) -> EmbeddingsRequest:
    """Raises BadEmbeddings."""
    try:
        asked = msgspec.json.decode(body, type=EmbeddingsRequest)
    except msgspec.MsgspecError as error:
        raise BadEmbeddings(str(error)) from error
    most = MODEL_DIMENSIONS.get(asked.model, 1536)
    if not asked.texts or len(asked.texts) > MAX_INPUTS or not all(asked.texts):
        raise BadEmbeddings(f"1 to {MAX_INPUTS} texts that are not empty are expected", "input")
    if asked.dimensions is not None and not 1 <= asked.dimensions <= most:
        raise BadEmbeddings(f"this model has 1 to {most} dimensions", "dimensions")
    return asked


def answer_to(asked: EmbeddingsRequest) -> dict[str, object]:
    """The whole answer."""
    dimensions = asked.dimensions or MODEL_DIMENSIONS.get(asked.model, 1536)
    vectors = [vector_of(text, dimensions) for text in asked.texts]
    tokens = sum(tokens_of(text) for text in asked.texts)
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _encoded(vector, asked.encoding_format)}
            for index, vector in enumerate(vectors)
        ],
        "model": asked.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def vector_of(text: str, dimensions: int) -> list[float]:
    """Of length 1; a text without a word points along the first axis."""
    vector = [0.0] * dimensions
    for word, count in Counter(one.casefold() for one in _WORD.findall(text)).items():
        weight = (0.2 if len(word) <= _LETTERS_OF_EMPTY and not word.isdigit() else 1.0) * (1 + math.log(count))
        for digest, share in _features(word):
            place = digest % dimensions
            vector[place] += weight * share * (1 if digest >> 63 else -1)
    length = math.sqrt(sum(one * one for one in vector))
    if not length:
        return [1.0, *vector[1:]]
    return [one / length for one in vector]


def tokens_of(text: str) -> int:
    """About as many as the vendor would count: four characters each, at least one."""
    return max(1, math.ceil(len(text) / 4))


@lru_cache(maxsize=50_000)
def _features(word: str) -> tuple[tuple[int, float], ...]:
    """Hashes of a word and of its parts; the word itself has half of the weight, its parts the other half."""
    marked = f"<{word}>"
    grams = [marked[start : start + size] for size in _GRAMS for start in range(len(marked) - size + 1)]
    whole = [(_hash(f"={word}"), math.sqrt(0.5))]
    return (*whole, *((_hash(gram), math.sqrt(0.5 / len(grams))) for gram in grams))


def _hash(feature: str) -> int:
    return int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=8).digest(), "big")


def _encoded(vector: list[float], form: str) -> str | list[float]:
    if form == "float":
        return vector
    return base64.b64encode(array("f", vector).tobytes()).decode()
