"""No word that a person or an agent said, typed or showed is in any file of the data folder, nor in any log."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import asyncpg
import pytest
from tests.e2e.conftest import Demonstrated, Marked
from tests.support.stack import Stack

from baton.demo.api import open_api
from baton.demo.script import CAN_YOU_CHECK, GOODBYE, NEED_HELP, OPEN_EDITOR

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("together")]

SCRIPT = (NEED_HELP, OPEN_EDITOR, CAN_YOU_CHECK, GOODBYE)
OWN_TABLES = "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"


def words(text: str) -> str:
    """The longest run of words without punctuation: however a transcript is cut or escaped, this much stays."""
    return str(max(re.findall(r"[A-Za-z ]+", text), key=len)).strip().lower()


@pytest.fixture
async def said(together: Stack, demonstrated: Demonstrated, marked: Marked) -> set[str]:
    """What was said and shown in both calls, by the platform's own account, and must be nowhere in clear.

    An agent's greeting is in its definition, which is no one's words.
    """
    async with open_api(together.ready) as api:
        greetings = [
            (await api.get(f"/api/agents/{id}"))["definition"]["greeting"] for id in ("triage", "coding_expert")
        ]
        timeline = (await api.get(f"/api/sessions/{marked.session}/timeline"))["data"]
    spoken = [item for item in [*demonstrated.evidence["timeline"], *timeline] if item["kind"] in ("user", "agent")]
    texts = {item["personal"]["text"] for item in spoken} - set(greetings)
    assert len(texts) >= 10, "both calls are in the timelines, opened"
    return {words(text) for text in texts} | {words(text) for text in SCRIPT} | {marked.mark, "result += values"}


async def test_the_platform_itself_knows_every_word(together: Stack, marked: Marked) -> None:
    """Else the search below would prove nothing: the mark was recorded as words, as code and as a name."""
    async with open_api(together.ready) as api:
        timeline = (await api.get(f"/api/sessions/{marked.session}/timeline"))["data"]
        panels = (await api.get(f"/api/sessions/{marked.session}/panels"))["data"]
        events = await api.text(f"/api/sessions/{marked.session}/events")
    typed = [item for item in timeline if item["kind"] == "user"]
    assert [marked.mark in item["personal"]["text"] for item in typed] == [True] * 4
    assert marked.mark in panels[0]["state"]["code"]
    requested = json.loads(events.splitlines()[0])
    assert requested["type"] == "session.requested"
    assert requested["personal"]["name"] == f"Grace {marked.mark}"


def test_no_file_of_the_data_folder_holds_a_word(together: Stack, said: set[str], marked: Marked) -> None:
    found = {phrase: files for phrase in said if (files := list(files_with(together.data, phrase)))}
    assert not found
    kept = {file.relative_to(together.data).parts[0] for file in files_with(together.data, marked.session)}
    assert {"nats", "postgres"} <= kept, "the search finds what is there"


async def test_no_row_of_the_database_holds_a_word(together: Stack, said: set[str], marked: Marked) -> None:
    """A large value is compressed in its file: so the rows are read too, bytes as they are and bytes as hex."""
    db = await asyncpg.connect(together.ready.postgres_dsn, timeout=10)
    try:
        tables = await db.fetch(OWN_TABLES)
        everything = ""
        for schema, table in tables:
            rows = await db.fetch(f'select one::text as row from "{schema}"."{table}" one')
            everything += "\n".join(row["row"] for row in rows).lower() + "\n"
    finally:
        await db.close(timeout=5)
    assert marked.session in everything
    assert not [phrase for phrase in said if phrase in everything or phrase.encode().hex() in everything]


def test_nothing_that_is_printed_or_logged_holds_a_word(together: Stack, said: set[str]) -> None:
    logs = {file.name for file in (together.data / "logs").iterdir()}
    assert {"baton.log", "jobs.log", "livekit.log"} <= logs
    printed = together.printed().lower()
    assert "baton answers at" in printed
    assert not [phrase for phrase in said if phrase in printed]


def files_with(folder: Path, phrase: str) -> Iterator[Path]:
    for file, content in contents(folder):
        if phrase.encode() in content:
            yield file


def contents(folder: Path) -> Iterable[tuple[Path, bytes]]:
    """Every file, in lower case; those that a server deletes while we look are gone, and hold nothing."""
    for file in sorted(folder.rglob("*")):
        try:
            if file.is_file() and not file.is_symlink():
                yield file, file.read_bytes().lower()
        except FileNotFoundError:
            continue
