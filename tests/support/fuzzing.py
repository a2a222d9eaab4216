"""Schemathesis over the document of a small API, bounded so that it is a test and not a campaign, and seeded."""

import asyncio
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

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
framework takes 0 for false.
"""

RUN_S = 100.0


async def fuzz(
    url: str, *, credential: str, folder: Path, left_out: Collection[str] = (), examples: int = 5
) -> tuple[int, str]:
    """Exit status and what was printed; a configuration in `folder` is used. Raises TimeoutError."""
    arguments = ["--phases", "examples,coverage,fuzzing,stateful", "--max-examples", str(examples), "--seed", "1"]
    arguments += ["--checks", ",".join(CHECKS), "--max-failures", "20", "--request-timeout", "10"]
    arguments += ["--suppress-health-check", "all", "--generation-database", "none", "--no-color"]
    arguments += ["-H", f"Authorization: Bearer {credential}"]
    arguments += [one for id in left_out for one in ("--exclude-operation-id", id)]
    return await schemathesis(url, arguments, folder=folder, timeout_s=RUN_S)


async def schemathesis(url: str, arguments: Sequence[str], *, folder: Path, timeout_s: float) -> tuple[int, str]:
    """Exit status and what was printed; a configuration in `folder` is used. Raises TimeoutError."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "schemathesis.cli", "run", url, *arguments),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        printed, _ = await asyncio.wait_for(process.communicate(), timeout_s)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, printed.decode(errors="replace")


def parameters(**ids: str) -> str:
    """Schemathesis' configuration: these ids in every path."""
    return "[parameters]\n" + "".join(f'"path.{name}" = "{id}"\n' for name, id in ids.items())
