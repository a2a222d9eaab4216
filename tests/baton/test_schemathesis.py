"""Schemathesis over the served document: whatever fits it, and whatever does not, gets a documented answer.

Bounded so that it is a test and not a campaign; seeded, so that it is the same every time.
"""

import asyncio
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.gateways import START
from tests.support.whole_api import WholeApi, a_whole_api

from baton import edge, openapi
from chassis.service import serving
from config.http.examples import EXAMPLES

pytestmark = pytest.mark.integration

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "ignored_auth",
    "missing_required_header",
    "use_after_free",
    "ensure_resource_availability",
)
"""Without those on data alone: what a cursor or a position is, and what fits together, a schema cannot say; and the
framework takes 0 for false. And without the one on OPTIONS, whose Allow names the first of a path's handlers only.
"""

LEFT_OUT = {
    "watch_session": "a stream that ends with the session",
    "try_tool": "calls out to where a customer said",
    "revoke_key": "would take away the key that the run has",
    "rotate_key": "would end the key that the run has",
}
RUN_S = 100.0


@pytest.mark.parametrize("known", [False, True], ids=["ids of any kind", "ids of things that are there"])
async def test_every_answer_to_any_request_is_documented(
    nats_url: str, database: str, tmp_path: Path, known: bool
) -> None:
    async with a_whole_api(nats_url, database) as api:
        if known:
            (tmp_path / "schemathesis.toml").write_text(parameters(await things(api)))
        app = edge.together({name: service.app for name, service in api.services.items()})
        async with serving(app) as port:
            status, printed = await run(f"http://127.0.0.1:{port}{openapi.PATH}", api, tmp_path)
    assert status == 0, printed
    assert int(re.findall(r"(\d+) generated", printed)[0]) > 1000, printed


async def things(api: WholeApi) -> dict[str, str]:
    """By the names that paths have for them, and the template that the document's example starts from."""

    async def call(method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = await api.call(method, path, key=api.keys["acme"], json=body)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    draft = {"name": "Tutoring", "agents": ["triage"], "initial_agent": "triage", "panels": ["coding_ide"]}
    await call("PUT", "/api/templates/tutoring", draft)
    await call("POST", "/api/templates/tutoring/publish")
    await call("PUT", "/api/panel-kinds/poll", EXAMPLES["write_panel_kind"]["request"])
    started = await call("POST", "/api/session/start", START)
    ids = {"id": started["session_id"], "session_id": started["session_id"], "panel": "coding_ide"}
    return {**ids, "agent_id": "triage", "template_id": "tutoring", "alias": "prod", "panel_kind": "poll"}


def parameters(ids: Mapping[str, str]) -> str:
    """Schemathesis' configuration: these ids in every path."""
    return "[parameters]\n" + "".join(f'"path.{name}" = "{id}"\n' for name, id in ids.items())


async def run(url: str, api: WholeApi, folder: Path) -> tuple[int, str]:
    """Exit status and what was printed; raises TimeoutError."""
    arguments = ["--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "5", "--seed", "1"]
    arguments += ["--checks", ",".join(CHECKS), "--max-failures", "20", "--request-timeout", "10"]
    arguments += ["--suppress-health-check", "all", "--generation-database", "none", "--no-color"]
    arguments += ["-H", f"Authorization: Bearer {api.keys['acme']}"]
    arguments += [one for id in LEFT_OUT for one in ("--exclude-operation-id", id)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "schemathesis.cli", "run", url, *arguments),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        printed, _ = await asyncio.wait_for(process.communicate(), RUN_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, printed.decode(errors="replace")
