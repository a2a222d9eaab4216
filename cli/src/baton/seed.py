"""The demo customer: its key, agents and template, written from the folder `demo/customer` through config.

Seeding again changes nothing but the key, which nobody can read back: it is kept in the data folder.
"""

from importlib.resources import files
from pathlib import Path

import msgspec

from baton.config_folder import read_folder
from baton.secret_files import write_secret
from chassis.principal import Principal
from config.bootstrap import open_entities
from config.domain import agent_definition, template
from config.handlers.entities import Entities
from config.settings import Settings
from contracts.access import SCOPES
from contracts.ids import CustomerId, TemplateId

CUSTOMER = CustomerId("demo")
TEMPLATE = TemplateId("demo")
MAX_SESSIONS = 50
_KEY_FILE = "api-key"


class Seeded(msgspec.Struct, frozen=True):
    """What a newcomer needs."""

    api_key: str
    template_id: TemplateId


async def seed(settings: Settings, folder: Path) -> Seeded:
    """Create what is missing; raises the refusals of config and LogFault."""
    operator = Principal(customer=CUSTOMER, actor="operator", scopes=frozenset(SCOPES), livemode=False)
    async with open_entities(settings) as entities:
        await entities.create_customer(operator, name="Demo", max_sessions=MAX_SESSIONS)
        source = read_folder(files("baton") / "demo" / "customer")
        for agent, definition in source.agents.items():
            await entities.write_agent(operator, agent, agent_definition.Write(definition))
        for id, draft in source.templates.items():
            await entities.write_template(operator, id, template.Write(draft))
            await entities.publish(operator, id)
        return Seeded(await _key(entities, operator, folder / _KEY_FILE), TEMPLATE)


async def _key(entities: Entities, operator: Principal, file: Path) -> str:
    if file.exists():
        return file.read_text()
    key = (await entities.issue_key(operator, scopes=sorted(SCOPES), livemode=False)).key
    write_secret(file, key)
    return key
