"""One running stack for the faults that it must outlive, per worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.stack import Stack, a_stack


@pytest.fixture(scope="session")
def stack(livekit_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All services in one process, for tests that leave it as they found it."""
    with a_stack(tmp_path_factory.mktemp("chaos") / "data") as running:
        yield running
