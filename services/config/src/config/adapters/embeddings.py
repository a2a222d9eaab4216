"""Vectors of texts, from an endpoint that speaks OpenAI's wire protocol (POST /embeddings).

Source: https://platform.openai.com/docs/api-reference/embeddings. Numbers come as base64 of little-endian float32,
where the endpoint can, and as a list where it cannot. No text is ever logged.
"""

import base64
import binascii
from collections.abc import Sequence

import msgspec

from chassis.guarded_http import GuardedClient, GuardedFault
from config.domain.chunk_file import packed, unpacked
from contracts.commands.knowledge import EmbeddingUse

PROVIDER = "openai"
"""Whose wire protocol it is, and so whose prices are looked up."""

BATCH = 64
"""Texts of one request."""

_MAX_ANSWER = 8 * 1024 * 1024


class EmbeddingsUnavailable(Exception):
    """The endpoint gave no vectors: it is out of reach, refused, or answered something else."""

    code = "embeddings_unavailable"


class Vectors(msgspec.Struct, frozen=True):
    """A vector for each text, in their order (see ChunkFile), and what it took."""

    values: list[bytes]
    used: EmbeddingUse


class _Data(msgspec.Struct):
    index: int
    embedding: str | list[float]


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0


class _Answer(msgspec.Struct):
    data: list[_Data]
    usage: _Usage = msgspec.field(default_factory=_Usage)


class Embeddings:
    """One model at one endpoint."""

    def __init__(self, *, client: GuardedClient, base_url: str, model: str, dimensions: int, key: str) -> None:
        self._client, self._key, self.model, self.dimensions = client, key, model, dimensions
        self._url = f"{base_url.rstrip('/')}/embeddings"

    async def embed(self, texts: Sequence[str], *, timeout_s: float) -> Vectors:
        """At most BATCH texts at once. Raises EmbeddingsUnavailable."""
        asked = {
            "model": self.model,
            "input": list(texts),
            "dimensions": self.dimensions,
            "encoding_format": "base64",
        }
        try:
            answer = await self._client.post(
                self._url,
                content=msgspec.json.encode(asked),
                headers={"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"},
                timeout_s=timeout_s,
                max_answer_bytes=_MAX_ANSWER,
            )
        except GuardedFault as fault:
            raise EmbeddingsUnavailable(fault.code) from fault
        if answer.status != 200:
            raise EmbeddingsUnavailable(f"status {answer.status}")
        return self._decoded(answer.body, len(texts))

    def _decoded(self, body: bytes, count: int) -> Vectors:
        try:
            answer = msgspec.json.decode(body, type=_Answer)
            found = {one.index: _vector(one.embedding) for one in answer.data}
        except (msgspec.MsgspecError, ValueError, OverflowError, binascii.Error) as error:
            raise EmbeddingsUnavailable("not an answer of embeddings") from error
        if sorted(found) != list(range(count)) or any(len(one) != 4 * self.dimensions for one in found.values()):
            raise EmbeddingsUnavailable("not as many vectors, or not as long, as asked for")
        used = EmbeddingUse(provider=PROVIDER, model=self.model, input_tokens=answer.usage.prompt_tokens)
        return Vectors([found[place] for place in range(count)], used)


def _vector(embedding: str | list[float]) -> bytes:
    """As it is kept, its numbers checked."""
    if isinstance(embedding, list):
        return packed(embedding)
    return packed(unpacked(base64.b64decode(embedding, validate=True)))
