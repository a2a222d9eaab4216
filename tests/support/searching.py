"""An agent that searches documents, and a session that reaches them."""

from collections.abc import Callable
from typing import Any

import msgspec
from tests.support.runtime_sessions import a_version

from chassis.guarded_http import GuardedClient
from contracts.builtin_tools import SEARCH_KNOWLEDGE_BASE
from contracts.commands.jobs import JobMetadata
from contracts.commands.secrets import OpenToolSecrets, ToolSecretsAnswer, ToolSecretsRefused
from contracts.template_version import TemplateVersion, VersionAgent
from runtime.adapters.library import AskForKnowledge, Library
from runtime.adapters.outside import Outside, ToolSecrets


def searching(knowledge: Any) -> TemplateVersion:
    """A version whose first agent searches these documents, or ``all``."""
    version = a_version()
    first = version.agents[0]
    definition = msgspec.structs.replace(first.definition, tools=[SEARCH_KNOWLEDGE_BASE], knowledge=knowledge)
    agents = [VersionAgent(id=first.id, definition=definition), *version.agents[1:]]
    return msgspec.structs.replace(version, agents=agents)


def reaching(ask: AskForKnowledge) -> Callable[[JobMetadata], Outside]:
    """What a session reaches that has documents and nothing else."""

    async def no_secrets(_question: OpenToolSecrets) -> ToolSecretsAnswer:
        return ToolSecretsRefused(why="there are none")

    def outside(metadata: JobMetadata) -> Outside:
        return Outside(
            client=GuardedClient(),
            secrets=ToolSecrets(ask=no_secrets, metadata=metadata),
            session=metadata.session,
            livemode=metadata.livemode,
            library=Library(ask=ask, customer=metadata.customer),
        )

    return outside
