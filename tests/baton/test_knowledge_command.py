"""`baton knowledge` against a config service that listens: documents are added, listed, searched and removed."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from tests.support.config_api import a_key, config_settings

from baton import ready
from baton.commands.knowledge import knowledge
from chassis.service import serving
from config.bootstrap import migrate, open_service

pytestmark = pytest.mark.integration


def told(ran: Result, start: str) -> list[str]:
    """The lines that begin so; the service in this process logs between them."""
    return [line for line in ran.stdout.splitlines() if line.startswith(start)]


async def test_documents_are_added_listed_searched_and_removed(nats_url: str, database: str, tmp_path: Path) -> None:
    settings = config_settings(nats_url, database)
    await migrate(settings)
    key = await a_key(settings, "acme")
    manual, torn = tmp_path / "pump.md", tmp_path / "torn.pdf"
    manual.write_text("# Pump\n\n## Cleaning\n\nRinse the filter once a month.\n")
    torn.write_bytes(b"%PDF-1.7\n")

    async def run(*arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, knowledge, [*arguments, "--data", str(tmp_path)])

    async with open_service(settings) as service, serving(service.app) as port:
        live = {"api_url": f"http://127.0.0.1:{port}", "api_key": key, "pids": {}, "simulators": {}}
        others = {field.name: "" for field in msgspec.structs.fields(ready.Ready)}
        ready.write(others | live, tmp_path / ready.NAME)
        added = await run("add", str(manual), str(torn))
        assert added.exit_code == 1, added
        good, bad = told(added, "doc_")
        assert good.endswith("pump.md (text/markdown, en): ready, 1 chunks")
        assert bad.endswith("torn.pdf (application/pdf, en): failed: not_readable")
        assert told(await run("list"), "doc_") == [good, bad]
        found = await run("search", "How often is the filter rinsed?")
        assert len(told(found, "pump.md > Pump > Cleaning")) == 1
        assert "1 found by words alone (no embedding endpoint)\n" in found.stderr
        ids = [line.split()[0] for line in (good, bad)]
        assert "2 removed\n" in (await run("remove", *ids)).stderr
        assert told(await run("list"), "doc_") == []
