"""/api/knowledge over real NATS and PostgreSQL: uploads of every type, searches, strangers, and what is left of it."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.config_api import config_settings, problem
from tests.support.knowledge import (
    MEDIA_TYPES,
    add_library,
    manuals,
    recall,
    search,
    until_read,
    until_searchable,
    upload,
)
from tests.support.knowledge_api import a_library
from tests.support.pdf import Page, a_bomb, a_pdf
from tests.support.until import until

from chassis.nats import api as jetstream
from chassis.nats import messages
from chassis.nats.connection import Client, connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.requests import ask
from chassis.postgres.rebuild import check
from config.adapters.reader import Reader
from config.bootstrap import migrate, open_service, projections
from config.domain.blocks import Reading
from config.domain.uploads import MAX_BYTES
from config.handlers import document_reading
from config.reading.formats import checked, reader_of
from config.settings import Settings
from contracts.commands.knowledge import KnowledgeAnswer, KnowledgeFound, KnowledgeRefused, SearchKnowledge
from contracts.envelope import decode_commit
from contracts.ids import CustomerId
from contracts.subjects import KNOWLEDGE_BUCKET, SEARCH_KNOWLEDGE, SECRETS_BUCKET, Log
from simulators import Simulators
from simulators.scenario import Scenario

pytestmark = pytest.mark.integration

CANARY = b"zanzibarite"
LOWEST_RECALL = {"text": 23, "hybrid": 25}
"""Of 30. Measured with the simulated embeddings, which know no synonyms: 24 by words, 26 by words and meaning."""


@pytest.fixture
async def nats(nats_url: str) -> AsyncIterator[Client]:
    async with connect(nats_url, name="test") as client:
        yield client


async def processed(nats: Client) -> list[str]:
    """The documents that were said to be processed, once for each time."""
    return [
        envelope.subject
        async for commit in NatsEventLog(nats).read(Log.CONFIG, "cfg.*.knowledge_document.*")
        for envelope in decode_commit(commit.payload)
        if envelope.type == "knowledge_document.processed"
    ]


async def everything_stored(nats: Client) -> list[bytes]:
    """Every message of the log and of both buckets."""
    found = [commit.payload async for commit in NatsEventLog(nats).read(Log.CONFIG, "cfg.>")]
    for stream in (f"KV_{SECRETS_BUCKET}", f"OBJ_{KNOWLEDGE_BUCKET}"):
        end = (await jetstream.call(nats, f"STREAM.INFO.{stream}", None, dict[str, Any], timeout_s=5))["state"]
        for sequence in range(end["first_seq"], end["last_seq"] + 1):
            message = await messages.message_at(nats, stream, sequence, timeout_s=5)
            found += [message.payload] if message else []
    return found


async def blobs_kept(nats: Client) -> int:
    """How many blobs have content."""
    asked = {"subjects_filter": f"$O.{KNOWLEDGE_BUCKET}.C.>"}
    answer = await jetstream.call(nats, f"STREAM.INFO.OBJ_{KNOWLEDGE_BUCKET}", asked, dict[str, Any], timeout_s=5)
    return len(answer["state"].get("subjects") or {})


async def rows_equal_to_a_rebuild(settings: Settings, nats: Client) -> int:
    """How many rows there are in the read models of documents, each equal to one made anew from log and blobs."""
    rows = 0
    for projection in projections(settings):
        if projection.name.startswith("knowledge"):
            dsn, log = settings.postgres_dsn, NatsEventLog(nats)
            report = await check(dsn, log=log, service="config", projection=projection)
            assert (report.comparison.differences, report.parked) == ([], [])
            rows += report.comparison.rows
    return rows


def with_embeddings(nats_url: str, database: str, simulators: Simulators) -> Settings:
    return config_settings(
        nats_url,
        database,
        development_reach_loopback=True,
        embeddings_base_url=simulators.openai_base_url,
        embeddings_key="key",
    )


async def test_thirty_questions_are_answered_by_words_and_by_meaning_too(
    nats_url: str, database: str, nats: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read_here(_reader: Reader, media_type: str, content: bytes) -> Reading:
        return checked(reader_of(media_type)(content))  # a process for each manual is what takes the time

    monkeypatch.setattr(Reader, "read", read_here)
    async with a_library(config_settings(nats_url, database)) as customers:
        documents = await add_library(customers.acme, manuals())
        by_words = await recall(customers.acme, mode="text")
        assert by_words.found >= LOWEST_RECALL["text"], by_words.missed
        assert (await search(customers.acme, "filter"))["why_text_only"] == "no_embedding_endpoint"
    async with Simulators(scenario=Scenario()) as simulators:
        settings = with_embeddings(nats_url, database, simulators)
        async with a_library(settings) as customers:

            async def embedded() -> bool:
                return len(await processed(nats)) == 2 * len(documents)

            await until(embedded, what="the documents of before are embedded", timeout_s=30)
            await until_searchable(customers.acme, [document["id"] for document in documents.values()])
            by_both = await recall(customers.acme, mode="hybrid")
            assert by_both.found >= max(LOWEST_RECALL["hybrid"], by_words.found), by_both.missed
            chunks = sum(document["progress"]["total"] for document in documents.values())
            assert await rows_equal_to_a_rebuild(settings, nats) == 2 * len(documents) + 2 * chunks
            assert await blobs_kept(nats) == 2 * len(documents), "chunks of before are freed"


async def test_a_document_of_each_type_is_kept_sealed_found_by_its_customer_alone_and_deleted_for_good(
    nats_url: str, database: str, nats: Client
) -> None:
    async with Simulators(scenario=Scenario()) as simulators:
        settings = with_embeddings(nats_url, database, simulators)
        async with a_library(settings) as (acme, other):
            text = CANARY.decode()
            contents = {
                "one.txt": f"The {text} valve is closed by hand.".encode(),
                "two.md": f"# Valves\n\nA {text} valve.".encode(),
                "three.html": f"<h1>Valves</h1><p>Such {text}!</p>".encode(),
                "four.pdf": a_pdf([Page(["Nothing."]), Page(["Valves", f"On {text} valves."], ["Valves"])]),
            }
            assert {name[name.index(".") :] for name in contents} == set(MEDIA_TYPES)
            documents = await add_library(acme, contents)
            ids = {name: document["id"] for name, document in documents.items()}
            assert (documents["four.pdf"]["pages"], documents["one.txt"]["pages"]) == (2, 0)
            assert documents["two.md"]["progress"] == {"done": 1, "total": 1}

            found = await search(acme, text)
            assert found["mode"] == "hybrid"
            cited = {one["name"]: one for one in reversed(found["results"])}
            assert set(cited) == set(contents)
            assert (cited["four.pdf"]["page"], cited["four.pdf"]["heading"]) == (2, ["Valves"])
            assert cited["two.md"]["chunk"] == f"{ids['two.md']}-0"
            only = await search(acme, text, documents=[ids["two.md"]])
            assert [one["name"] for one in only["results"]] == ["two.md"]
            quoted = await search(acme, '"closed by hand"', documents=[ids["one.txt"], ids["two.md"]])
            assert quoted["results"][0]["name"] == "one.txt"
            excluded = await search(acme, f"{text} -html", limit=20)
            assert excluded["results"]

            # Another customer has none of it.
            assert (await search(other, text))["results"] == []
            assert (await search(other, text, documents=list(ids.values())))["results"] == []
            assert (await other.get("/api/knowledge/documents")).json()["data"] == []
            for id in ids.values():
                for method, path in (("GET", ""), ("GET", "/chunks"), ("DELETE", "")):
                    assert (await other.request(method, f"/api/knowledge/documents/{id}{path}")).status_code == 404

            # Pages of lists.
            first = (await acme.get("/api/knowledge/documents", params={"limit": 3})).json()
            rest = (await acme.get("/api/knowledge/documents", params={"cursor": first["next_cursor"]})).json()
            assert [one["name"] for one in first["data"] + rest["data"]] == list(contents)
            assert rest["next_cursor"] is None
            chunks = (await acme.get(f"/api/knowledge/documents/{ids['four.pdf']}/chunks")).json()["data"]
            assert [(one["number"], one["page"], one["heading"]) for one in chunks] == [(0, 1, []), (1, 2, ["Valves"])]

            # A session's job asks over NATS.
            question = SearchKnowledge(customer=CustomerId("acme"), query=text, limit=2)
            answer: KnowledgeAnswer = await ask(nats, SEARCH_KNOWLEDGE, question, KnowledgeAnswer, timeout_s=5)
            assert isinstance(answer, KnowledgeFound)
            assert (len(answer.passages), answer.hybrid) == (2, True)
            assert answer.used is not None
            assert answer.used.input_tokens > 0
            bad = SearchKnowledge(customer=CustomerId("acme"), query=" ", limit=2)
            answer = await ask(nats, SEARCH_KNOWLEDGE, bad, KnowledgeAnswer, timeout_s=5)
            assert isinstance(answer, KnowledgeRefused)

            # An agent is given documents that are there, and no others.
            agent = {"name": "A", "instructions": "Help.", "tools": ["search_knowledge_base"]}
            agent["knowledge"] = [ids["two.md"], "doc_none"]
            assert (await acme.put("/api/agents/a", json=agent)).status_code == 200
            template = {"name": "T", "agents": ["a"], "initial_agent": "a"}
            assert (await acme.put("/api/templates/t", json=template)).status_code == 200
            unknown = problem(await acme.post("/api/templates/t/publish"))["errors"]
            assert [(one["pointer"], one["code"]) for one in unknown] == [("/agents/a/knowledge/1", "unknown_document")]
            agent["knowledge"] = [ids["two.md"]]
            assert (await acme.put("/api/agents/a", json=agent, headers={"If-Match": "*"})).status_code == 200
            assert (await acme.post("/api/templates/t/publish")).status_code == 200

            # Nothing stands open but in the index; what is deleted is gone from there too, and its key is forgotten.
            assert not any(CANARY in content for content in await everything_stored(nats))
            assert await blobs_kept(nats) == 2 * len(contents)
            for _ in range(2):
                assert (await acme.delete(f"/api/knowledge/documents/{ids['one.txt']}")).status_code == 204
            assert problem(await acme.get(f"/api/knowledge/documents/{ids['one.txt']}"))["code"] == "unknown_document"
            assert await blobs_kept(nats) == 2 * len(contents) - 2

            async def gone() -> bool:
                return "one.txt" not in {one["name"] for one in (await search(acme, text, limit=20))["results"]}

            await until(gone, what="no search finds it")
            assert await rows_equal_to_a_rebuild(settings, nats) == 2 * 3 + 2 * (1 + 1 + 2)


async def test_what_cannot_be_taken_is_refused_and_what_cannot_be_read_says_why(nats_url: str, database: str) -> None:
    async with a_library(config_settings(nats_url, database)) as (acme, _):
        for name, content, kind, status, code in (
            ("a.zip", b"PK\x03\x04", "application/zip", 415, "unsupported_media_type"),
            ("a.pdf", b"PK\x03\x04", "application/pdf", 400, "content_mismatch"),
            ("a.txt", b"%PDF-1.7", "text/plain", 400, "content_mismatch"),
            ("a.txt", b"\xff\xfe\x00", "text/plain", 400, "content_mismatch"),
            ("a.txt", b" \n ", "text/plain", 400, "invalid_document"),
            ("a.txt", b"x" * (MAX_BYTES + 1), "text/plain", 413, "too_large"),
            ("x" * 201, b"x", "text/plain", 400, "invalid_input"),
        ):
            answer = await upload(acme, name, content, media_type=kind)
            assert (answer.status_code, problem(answer)["code"]) == (status, code), name
        assert (await acme.post("/api/knowledge/documents", content=b"x")).status_code == 400
        assert (await upload(acme, "a.txt", b"x", language="no language")).status_code == 400

        for name, content, failure in (
            ("bomb.pdf", a_bomb(), "too_much_unpacked"),
            ("torn.pdf", b"%PDF-1.7\nand nothing else", "not_readable"),
            ("script.html", b"<script>only a script</script>", "no_text"),
        ):
            answer = await upload(acme, name, content)
            assert answer.status_code == 202
            document = await until_read(acme, answer.json()["id"])
            assert (document["status"], document["failure"]) == ("failed", failure), name
        listed = (await acme.get("/api/knowledge/documents")).json()["data"]
        assert {one["status"] for one in listed} <= {"failed", "queued"}

        # Sent again with its key, an upload is one document.
        headers = {"content-type": "text/plain", "idempotency-key": "once"}
        params = {"name": "large.txt", "language": "de"}
        content = b"Das Ventil. " * 200_000
        twice = [
            await acme.post("/api/knowledge/documents", params=params, content=content, headers=headers)
            for _ in range(2)
        ]
        assert [answer.status_code for answer in twice] == [202, 202]
        assert twice[0].json()["id"] == twice[1].json()["id"]
        assert (await until_read(acme, twice[0].json()["id"]))["failure"] == "too_much_text"


async def test_each_document_is_read_once_by_two_processes_and_after_a_crash_by_another(
    nats_url: str, database: str, nats: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, original = config_settings(nats_url, database), Reader.read
    began, stuck, read = asyncio.Event(), asyncio.Event(), list[bytes]()

    async def hang(reader: Reader, media_type: str, content: bytes) -> Reading:
        began.set()
        await stuck.wait()
        return await original(reader, media_type, content)

    async def count(reader: Reader, media_type: str, content: bytes) -> Reading:
        read.append(content)
        return await original(reader, media_type, content)

    monkeypatch.setattr(Reader, "read", hang)
    contents = {f"{number}.txt": f"Valve {number}.".encode() for number in range(5)}
    async with a_library(settings) as (acme, _):
        uploaded = [(await upload(acme, name, content)).json()["id"] for name, content in contents.items()]
        await asyncio.wait_for(began.wait(), 10)
        assert "processing" in [(await acme.get(f"/api/knowledge/documents/{id}")).json()["status"] for id in uploaded]
    assert await processed(nats) == [], "its process went down in the middle"
    monkeypatch.setattr(Reader, "read", count)
    await migrate(settings)
    async with open_service(settings), a_library(settings) as (acme, _):
        for id in uploaded:
            assert (await until_read(acme, id))["status"] == "ready"
    assert sorted(read) == sorted(contents.values())
    assert sorted(await processed(nats)) == sorted(uploaded)


async def test_words_are_searched_while_the_embedding_endpoint_is_down(
    nats_url: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Simulators(scenario=Scenario()) as simulators:
        settings = with_embeddings(nats_url, database, simulators)
    monkeypatch.setattr(document_reading, "_EMBED_PAUSES_S", (0.01,))
    async with a_library(settings) as (acme, _):
        answer = await upload(acme, "valve.txt", b"The valve is red.")
        document = await until_read(acme, answer.json()["id"])
        assert document["status"] == "ready"
        found = await search(acme, "valve", min_position=document["position"])
        assert [one["name"] for one in found["results"]] == ["valve.txt"]
        assert (found["mode"], found["why_text_only"]) == ("text", "embedding_endpoint_unavailable")
        for query in ("\0", "valve\0", '"', "-", "& | ! <-> :* ()", "'", "\\", "%"):
            assert (await search(acme, query))["mode"] == "text", query
        odd = base64.urlsafe_b64encode(rb'"\u0000"').decode()
        refused = problem(await acme.get("/api/knowledge/documents", params={"cursor": odd}))
        assert (refused["status"], refused["code"]) == (400, "invalid_cursor")
