"""A library of manuals, thirty questions whose answers stand in known sections, and how many of them a search finds."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec
from tests.support.pdf import a_pdf, pages_of
from tests.support.until import until

FOLDER = Path(__file__).parents[1] / "knowledge"
MEDIA_TYPES = {".md": "text/markdown", ".txt": "text/plain", ".html": "text/html", ".pdf": "application/pdf"}
FIRST = 5
READ_S = 60.0


class Question(msgspec.Struct, frozen=True):
    """A question, and the section that answers it: the last heading of a chunk of a document."""

    question: str
    document: str
    heading: str


class Recall(msgspec.Struct, frozen=True):
    """Of so many questions, for how many a chunk of the right section is among the first FIRST; and the others."""

    found: int
    asked: int
    missed: list[str]

    @property
    def share(self) -> float:
        """Between 0 and 1."""
        return self.found / self.asked


def questions() -> list[Question]:
    """All thirty."""
    return msgspec.json.decode((FOLDER / "questions.json").read_bytes(), type=list[Question])


def manuals() -> dict[str, bytes]:
    """By name. The PDF is made of its pages now."""
    found = {path.name: path.read_bytes() for path in sorted((FOLDER / "corpus").iterdir()) if path.suffix != ".pages"}
    paged = {f"{path.stem}.pdf": a_pdf(pages_of(path)) for path in sorted((FOLDER / "corpus").glob("*.pages"))}
    return found | paged


async def upload(
    api: httpx.AsyncClient, name: str, content: bytes, *, media_type: str = "", **query: str
) -> httpx.Response:
    """The answer to an upload; the type is that of the name."""
    kind = media_type or MEDIA_TYPES[Path(name).suffix]
    params = {"name": name, **query}
    return await api.post("/api/knowledge/documents", params=params, content=content, headers={"content-type": kind})


async def until_read(api: httpx.AsyncClient, id: str) -> dict[str, Any]:
    """The document once it is ready, or has failed."""
    found: dict[str, Any] = {}

    async def over() -> bool:
        found.update((await api.get(f"/api/knowledge/documents/{id}")).raise_for_status().json())
        return found["status"] in ("ready", "failed")

    await until(over, what=f"{id} is read", timeout_s=READ_S)
    return found


async def add_library(api: httpx.AsyncClient, documents: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """Upload all, and wait until they are ready; by name, as they are then."""
    answers = {name: (await upload(api, name, content)).raise_for_status() for name, content in documents.items()}
    ready = await asyncio.gather(*(until_read(api, answer.json()["id"]) for answer in answers.values()))
    assert all(one["status"] == "ready" for one in ready), ready
    await until_searchable(api, [one["id"] for one in ready])
    return dict(zip(answers, ready, strict=True))


async def until_searchable(api: httpx.AsyncClient, ids: Iterable[str]) -> None:
    """Until searches know these documents as they now are."""
    for id in ids:
        document = (await api.get(f"/api/knowledge/documents/{id}")).raise_for_status().json()
        await search(api, "anything", min_position=document["position"])


async def search(api: httpx.AsyncClient, query: str, **more: Any) -> dict[str, Any]:
    """The answer to a search."""
    answer = await api.post("/api/knowledge/search", json={"query": query, **more})
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


async def recall(api: httpx.AsyncClient, *, mode: str) -> Recall:
    """Ask all questions; every answer must have been found in this `mode`."""
    missed: list[str] = []
    for one in questions():
        answer = await search(api, one.question, limit=FIRST)
        assert answer["mode"] == mode, answer
        sections = {(found["name"], (found["heading"] or [""])[-1]) for found in answer["results"]}
        if (one.document, one.heading) not in sections:
            missed.append(one.question)
    return Recall(len(questions()) - len(missed), len(questions()), missed)
