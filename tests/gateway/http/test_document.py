"""Where no composition root merges the document, the gateway serves the file that it was given."""

from pathlib import Path

import pytest
from tests.support.gateways import a_gateway, gateway_settings, seed

from chassis.settings import BadSettings
from gateway.adapters.memory_livekit import MemoryLiveKit

pytestmark = pytest.mark.integration


async def test_the_document_is_served_as_it_is_or_not_at_all(nats_url: str, database: str, tmp_path: Path) -> None:
    bare = gateway_settings(nats_url, database)
    key = await seed(bare)
    async with a_gateway(bare, key, rooms=MemoryLiveKit()) as gateway:
        missing = await gateway.get("/api/openapi.json")
        assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    file = tmp_path / "openapi.json"
    file.write_text('{"openapi": "3.1.0"}')
    given = gateway_settings(nats_url, database, api_document=str(file))
    async with a_gateway(given, key, rooms=MemoryLiveKit()) as gateway:
        del gateway.headers["Authorization"]
        served = await gateway.get("/api/openapi.json")
        assert (served.content, served.headers["content-type"]) == (file.read_bytes(), "application/json")
    absent = gateway_settings(nats_url, database, api_document=str(tmp_path / "absent.json"))
    with pytest.raises(BadSettings, match="BATON_API_DOCUMENT"):
        async with a_gateway(absent, key, rooms=MemoryLiveKit()):
            pass
