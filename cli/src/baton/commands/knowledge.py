"""`baton knowledge`: a customer's documents: add, list, search, remove."""

import asyncio
import mimetypes
import sys
import time
from pathlib import Path
from typing import Any

import click

from baton import ready
from baton.demo.api import Api, ApiRefused, open_api
from baton.terminal import data_option, say

_DOCUMENTS = "/api/knowledge/documents"
_READ_S = 180.0
_POLL_S = 0.2
_PAGE = "100"
_SHOWN = 400
_MODES = {"hybrid": "words and meaning", "text": "words alone"}
_TYPES = {".md": "text/markdown", ".markdown": "text/markdown"}


@click.group()
def knowledge() -> None:
    """The documents that agents can search."""


@knowledge.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--language", default="en", show_default=True, help="What the documents are written in.")
@data_option
def add(files: tuple[Path, ...], language: str, data: Path) -> None:
    """Upload text, markdown, HTML or PDF, and wait until it can be searched."""

    async def run() -> list[dict[str, Any]]:
        async with open_api(ready.read(data / ready.NAME)) as api:
            uploaded = [await _upload(api, file, language) for file in files]
            return [await _until_read(api, document["id"]) for document in uploaded]

    documents = asyncio.run(run())
    for document in documents:
        click.echo(_line(document))
    if any(document["status"] != "ready" for document in documents):
        sys.exit(1)


@knowledge.command(name="list")
@data_option
def list_all(data: Path) -> None:
    """All documents, and how far each has come."""

    async def run() -> list[dict[str, Any]]:
        async with open_api(ready.read(data / ready.NAME)) as api:
            found: list[dict[str, Any]] = []
            cursor: str | None = ""
            while cursor is not None:
                query = {"limit": _PAGE} | ({"cursor": cursor} if cursor else {})
                page = await api.get(_DOCUMENTS, **query)
                found += page["data"]
                cursor = page["next_cursor"]
            return found

    for document in asyncio.run(run()):
        click.echo(_line(document))


@knowledge.command()
@click.argument("query")
@click.option("--limit", default=5, show_default=True, type=click.IntRange(1, 20))
@data_option
def search(query: str, limit: int, data: Path) -> None:
    """The passages that answer a question best."""

    async def run() -> dict[str, Any]:
        async with open_api(ready.read(data / ready.NAME)) as api:
            return await api.post("/api/knowledge/search", {"query": query, "limit": limit})

    found = asyncio.run(run())
    for one in found["results"]:
        page = f", page {one['page']}" if one["page"] else ""
        place = " > ".join([one["name"], *one["heading"]]) + page
        click.echo(f"{place}  [{one['chunk']}]\n    {_shortened(one['text'])}")
    why = f" ({found['why_text_only'].replace('_', ' ')})" if found["why_text_only"] else ""
    say(f"{len(found['results'])} found by {_MODES[found['mode']]}{why}")


@knowledge.command()
@click.argument("documents", nargs=-1, required=True)
@data_option
def remove(documents: tuple[str, ...], data: Path) -> None:
    """Delete documents by their ids, for good."""

    async def run() -> None:
        async with open_api(ready.read(data / ready.NAME)) as api:
            for document in documents:
                await api.delete(f"{_DOCUMENTS}/{document}")

    asyncio.run(run())
    say(f"{len(documents)} removed")


async def _upload(api: Api, file: Path, language: str) -> dict[str, Any]:
    kind = _TYPES.get(file.suffix.lower()) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    try:
        return await api.send(_DOCUMENTS, file.read_bytes(), kind=kind, name=file.name, language=language)
    except ApiRefused as refused:
        raise ApiRefused(f"{file}: {refused}") from refused


async def _until_read(api: Api, id: str) -> dict[str, Any]:
    """As it is once it was read, or after _READ_S."""
    deadline = time.monotonic() + _READ_S
    while True:
        document = await api.get(f"{_DOCUMENTS}/{id}")
        if document["status"] in ("ready", "failed") or time.monotonic() > deadline:
            return document
        await asyncio.sleep(_POLL_S)


def _line(document: dict[str, Any]) -> str:
    kind = f"{document['media_type']}, {document['language']}"
    return f"{document['id']}  {document['name']} ({kind}): {_standing(document)}"


def _standing(document: dict[str, Any]) -> str:
    if document["status"] == "failed":
        return f"failed: {document['failure']}"
    done, total = document["progress"]["done"], document["progress"]["total"]
    return f"ready, {total} chunks" if document["status"] == "ready" else f"{document['status']} {done} of {total}"


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
