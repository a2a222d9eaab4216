"""Schemathesis over the served document, with all its checks and phases: whatever fits the document, and whatever does
not, gets a documented answer.

Bounded so that it is a test and not a campaign; seeded, so that it is the same every time. `make fuzz-api` is the
campaign: as many examples of each operation as `BATON_FUZZ_EXAMPLES` says, of another seed each time.
"""

import os
import random
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.fuzzing import schemathesis
from tests.support.gateways import START
from tests.support.whole_api import WholeApi, a_whole_api

from baton import edge, openapi
from chassis.service import serving

pytestmark = pytest.mark.integration

EXAMPLES = int(os.environ.get("BATON_FUZZ_EXAMPLES", "0"))
SEED = random.randrange(2**32) if EXAMPLES else 1
RUN_S = 200.0 + 40 * EXAMPLES
RULES = Path(__file__).parents[1] / "support" / "schemathesis_rules.py"

CONFIGURATION = """
hooks = "{rules}"

[checks]
# What fits together, what is there already, and what has moved since, no schema can say.
positive_data_acceptance.expected-statuses = [
    "2xx", "3xx", 400, 401, 403, 404, 409, 412, 422, 424, 428, 429, "5xx"
]

[phases.fuzzing.generation]
max-examples = {examples}

[phases.stateful.generation]
mode = "positive"
max-examples = {stateful}

[parameters]
{parameters}
"""
LEFT_OUT = {
    "watch_session": "a stream that ends with the session",
    "try_tool": "calls out to where a customer said",
    "try_mcp_tool": "calls out to where a customer said",
    "discover_mcp_tools": "calls out to where a customer said",
    "save_provider_credential": "calls out to the provider",
    "revoke_key": "would take away the key that the run has",
    "rotate_key": "would end the key that the run has",
}
SAME_BODIES = ("write_agent", "write_template", "write_panel_kind")
"""Hundreds of cases each, for bodies that another operation takes as well, or that a campaign is soon enough for."""


async def test_every_answer_to_any_request_is_documented(nats_url: str, database: str, tmp_path: Path) -> None:
    async with a_whole_api(nats_url, database) as api:
        known = await things(api)
        app = edge.together({name: service.app for name, service in api.services.items()})
        async with serving(app) as port:
            url = f"http://127.0.0.1:{port}{openapi.PATH}"
            assert await run(url, api, tmp_path) > 4000
            if EXAMPLES:
                await run(url, api, tmp_path, known=known)


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
    started = await call("POST", "/api/session/start", START)
    ids = {"id": started["session_id"], "session_id": started["session_id"], "panel": "coding_ide"}
    upload = {"params": {"name": "ours"}, "headers": {"content-type": "text/plain"}, "content": b"Ours."}
    document = await api.call("POST", "/api/knowledge/documents", key=api.keys["acme"], **upload)
    ids["document_id"] = document.json()["id"]
    return {**ids, "agent_id": "triage", "template_id": "tutoring", "alias": "prod"}


def configuration(ids: Mapping[str, str]) -> str:
    """Schemathesis' own, with these ids in every path."""
    parameters = "".join(f'"path.{name}" = "{id}"\n' for name, id in ids.items())
    examples = {"examples": EXAMPLES or 1, "stateful": 5 * EXAMPLES or 50}
    return CONFIGURATION.format(rules=RULES, parameters=parameters, **examples)


async def run(url: str, api: WholeApi, folder: Path, *, known: Mapping[str, str] | None = None) -> int:
    """How many requests were made, of which none failed; raises TimeoutError."""
    (folder / "schemathesis.toml").write_text(configuration(known or {}))
    arguments = ["--phases", "examples,coverage,fuzzing,stateful", "--checks", "all", "--seed", str(SEED)]
    arguments += ["--max-failures", "20", "--request-timeout", "30", "--continue-on-failure"]
    arguments += ["--suppress-health-check", "all", "--generation-database", "none", "--no-color"]
    arguments += ["-H", f"Authorization: Bearer {api.keys['acme']}"]
    left_out = [*LEFT_OUT, *(() if EXAMPLES else SAME_BODIES)]
    arguments += [one for id in left_out for one in ("--exclude-operation-id", id)]
    status, text = await schemathesis(url, arguments, folder=folder, timeout_s=RUN_S)
    assert status == 0, f"seed {SEED}\n{text}"
    return int(re.findall(r"(\d+) generated", text)[0])
