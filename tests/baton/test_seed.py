"""The demo customer is seeded from its folder, and seeding again changes nothing."""

from pathlib import Path

import pytest
from tests.support.config_api import config_settings

from baton.seed import CUSTOMER, TEMPLATE, seed
from config.bootstrap import migrate, open_entities
from config.domain.template import Drafted

pytestmark = pytest.mark.integration


async def test_seeding_twice_gives_the_same_key_and_one_version(nats_url: str, database: str, tmp_path: Path) -> None:
    settings = config_settings(nats_url, database)
    await migrate(settings)
    first = await seed(settings, tmp_path)
    assert await seed(settings, tmp_path) == first
    async with open_entities(settings) as entities:
        drafted = (await entities.find_template(CUSTOMER, TEMPLATE)).state
    assert isinstance(drafted, Drafted)
    assert drafted.number == 1
