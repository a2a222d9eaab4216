"""The demo customer: its key, agents and template, written from the folder `demo/customer` through config.

Seeding again changes nothing but the key, which nobody can read back: it is kept in the data folder.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TypeVar

import msgspec

from chassis.api_keys import Principal
from config.bootstrap import open_entities
from config.domain import agent_definition, template
from config.domain.api_key import SCOPES
from config.entities import Entities
from config.settings import Settings
from contracts.ids import AgentId, ApiKeyId, CustomerId, TemplateId
from contracts.template_version import AgentDefinition, TemplateDraft

CUSTOMER = CustomerId("demo")
TEMPLATE = TemplateId("demo")
MAX_SESSIONS = 50
_KEY_FILE = "api-key"

T = TypeVar("T")


class Seeded(msgspec.Struct, frozen=True):
    """What a newcomer needs."""

    api_key: str
    template_id: TemplateId


async def seed(settings: Settings, folder: Path) -> Seeded:
    """Create what is missing; raises the refusals of config and LogFault."""
    operator = Principal(customer=CUSTOMER, key=ApiKeyId("operator"), scopes=frozenset(SCOPES), livemode=False)
    async with open_entities(settings) as entities:
        await entities.create_customer(operator, name="Demo", max_sessions=MAX_SESSIONS)
        source = files("baton") / "demo" / "customer"
        for file in sorted((source / "agents").iterdir(), key=lambda file: file.name):
            definition = _read(file, AgentDefinition)
            id = AgentId(file.name.removesuffix(".yaml"))
            await entities.write_agent(operator, id, agent_definition.Write(definition))
        draft = _read(source / "template.yaml", TemplateDraft)
        await entities.write_template(operator, TEMPLATE, template.Write(draft))
        await entities.publish(operator, TEMPLATE)
        return Seeded(await _key(entities, operator, folder / _KEY_FILE), TEMPLATE)


async def _key(entities: Entities, operator: Principal, file: Path) -> str:
    if file.exists():
        return file.read_text()
    key = (await entities.issue_key(operator, scopes=sorted(SCOPES), livemode=False)).key
    draft = file.with_name(file.name + ".draft")
    draft.touch(mode=0o600)
    draft.write_text(key)
    draft.replace(file)
    return key


def _read(file: Traversable, kind: type[T]) -> T:
    return msgspec.yaml.decode(file.read_bytes(), type=kind)
