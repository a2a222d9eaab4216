"""The wiring of config, top to bottom."""

import contextlib
from collections.abc import AsyncIterator
from functools import partial
from importlib.resources import files

from chassis.access import Access
from chassis.access_tokens import TokenVerifier
from chassis.clock import SystemClock
from chassis.guarded_addresses import loopback_only
from chassis.guarded_http import GuardedClient
from chassis.http.app import create_app
from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.key_uses import keep_uses, read_uses
from chassis.nats.logs import declare_logs
from chassis.nats.object_store import NatsObjectStore
from chassis.nats.requests import serve
from chassis.nats.secret_bucket import NatsSecretBucket
from chassis.postgres import migrations
from chassis.postgres.generations import AnyProjection
from chassis.postgres.idempotency import PostgresAnswers
from chassis.postgres.pool import open_pool
from chassis.postgres.prepare import prepare_projections
from chassis.postgres.runner import ProjectionRunner
from chassis.service import Service
from chassis.settings import BadSettings
from chassis.tasks import Tasks
from chassis.vault import Keyring, Vault
from config.adapters.provider_checks import ProviderChecks
from config.admin import open_admin
from config.handlers.custom_tools import CustomTools
from config.handlers.entities import Entities
from config.handlers.mcp_servers import McpServers
from config.handlers.mcp_tools import McpTools
from config.handlers.panel_kinds import PanelKinds
from config.handlers.people.parts import people_parts, sweep
from config.handlers.people.passwords import Passwords
from config.handlers.provider_credentials import ProviderCredentials
from config.handlers.session_secrets import SessionSecrets
from config.handlers.terms import Terms
from config.handlers.versions import Versions
from config.http import (
    agents,
    aliases,
    audit,
    auth,
    invitations,
    keys,
    knowledge,
    knowledge_search,
    limits,
    lists,
    mcp_servers,
    members,
    models,
    oidc,
    panel_kinds,
    price_books,
    providers,
    templates,
    tools,
)
from config.http import versions as version_routes
from config.http.examples import EXAMPLES
from config.knowledge_parts import knowledge_parts, knowledge_projections, prepare_vectors
from config.read_models.audit import Audit
from config.read_models.customer_list import CustomerList
from config.read_models.entity_index import SERVICE, EntityIndex
from config.read_models.people import People
from config.settings import Settings
from contracts.commands.knowledge import SearchKnowledge
from contracts.commands.mcp import ReportMcpTools
from contracts.commands.secrets import OpenProviderCredentials, OpenToolSecrets
from contracts.providers import PROVIDERS, ProviderName, provider_named
from contracts.subjects import (
    MCP_TOOLS,
    MCP_TOOLS_BUCKET,
    PROVIDER_CREDENTIALS,
    SEARCH_KNOWLEDGE,
    SECRETS_BUCKET,
    TEMPLATE_VERSIONS_BUCKET,
    TOOL_SECRETS,
)

SOURCE = "config/0.1"
_MIGRATIONS = files("config") / "migrations"
ROUTES = [
    *agents.ROUTES,
    *templates.ROUTES,
    *version_routes.ROUTES,
    *aliases.ROUTES,
    *lists.ROUTES,
    *models.ROUTES,
    *keys.ROUTES,
    *knowledge.ROUTES,
    *knowledge_search.ROUTES,
    *tools.ROUTES,
    *mcp_servers.ROUTES,
    *panel_kinds.ROUTES,
    *providers.ROUTES,
    *price_books.ROUTES,
    *limits.ROUTES,
    *audit.ROUTES,
    *auth.ROUTES,
    *oidc.ROUTES,
    *members.ROUTES,
    *invitations.ROUTES,
]


async def migrate(settings: Settings) -> None:
    """Declare logs and buckets, prepare read models, wrap data keys with the current secret key; safe to repeat."""
    keyring = _keyring(settings)
    async with connect(settings.nats_url, name="config") as nats:
        await declare_logs(nats, replicas=settings.nats_replicas)
        dsn, event_log = settings.postgres_dsn, NatsEventLog(nats)
        await migrations.migrate(dsn, service=SERVICE, folder=_MIGRATIONS)
        await prepare_vectors(settings)
        await prepare_projections(dsn, event_log=event_log, service=SERVICE, projections=projections(settings))
        await Vault(bucket=NatsSecretBucket(nats, SECRETS_BUCKET), keys=keyring).rewrap()


def projections(settings: Settings) -> list[AnyProjection]:
    """The read models of this service."""
    return [EntityIndex(), Audit(), CustomerList(), People(), *knowledge_projections(settings)]


@contextlib.asynccontextmanager
async def open_entities(settings: Settings) -> AsyncIterator[Entities]:
    """The entities alone, without HTTP: for seeding a new deployment."""
    async with connect(settings.nats_url, name="config") as nats:
        yield Entities(
            log=NatsEventLog(nats),
            objects=NatsObjectStore(nats, TEMPLATE_VERSIONS_BUCKET),
            clock=SystemClock(),
            pepper=settings.key_pepper.encode(),
            source=SOURCE,
        )


@contextlib.asynccontextmanager
async def open_service(settings: Settings) -> AsyncIterator[Service]:
    """Everything opened, in order; closed in reverse."""
    keyring, allow = _keyring(settings), loopback_only if settings.development_reach_loopback else None
    async with (
        connect(settings.nats_url, name="config") as nats,
        open_pool(settings.postgres_dsn, name=SERVICE, schema=SERVICE) as pool,
        GuardedClient(allow=allow) as client,
        Passwords() as passwords,
        Tasks() as tasks,
    ):
        await migrations.expect_migrated(settings.postgres_dsn, service=SERVICE, folder=_MIGRATIONS)
        log = NatsEventLog(nats)
        pepper = settings.key_pepper.encode()
        access = Access(log=log, pepper=pepper, tokens=TokenVerifier.parse(settings.login_public_keys))
        vault = Vault(bucket=NatsSecretBucket(nats, SECRETS_BUCKET), keys=keyring)
        custom_tools = CustomTools(
            log=log,
            clock=SystemClock(),
            vault=vault,
            client=client,
            source=SOURCE,
            allow=allow,
        )
        servers = McpServers(log=log, clock=SystemClock(), vault=vault, source=SOURCE, allow=allow)
        mcp_tools = McpTools(servers=servers, objects=NatsObjectStore(nats, MCP_TOOLS_BUCKET), client=client)
        entities = Entities(
            log=log,
            objects=NatsObjectStore(nats, TEMPLATE_VERSIONS_BUCKET),
            clock=SystemClock(),
            pepper=pepper,
            source=SOURCE,
            publishable=mcp_tools.publishable,
        )
        versions = Versions(entities=entities, log=log, objects=NatsObjectStore(nats, TEMPLATE_VERSIONS_BUCKET))
        session_secrets = SessionSecrets(
            log=log, objects=NatsObjectStore(nats, TEMPLATE_VERSIONS_BUCKET), tools=custom_tools, servers=servers
        )
        credentials = ProviderCredentials(
            log=log,
            clock=SystemClock(),
            vault=vault,
            checks=ProviderChecks(client=client, addresses=provider_addresses(settings)),
            source=SOURCE,
            allow=allow,
        )
        documents = knowledge_parts(
            settings, nats=nats, log=log, pool=pool, client=client, keyring=keyring, source=SOURCE
        )
        people = people_parts(
            settings,
            passwords=passwords,
            log=log,
            pool=pool,
            vault=vault,
            access=access,
            client=client,
            clock=SystemClock(),
            source=SOURCE,
        )
        tasks.start(sweep(pool, people.attempts), name="config.people")
        tasks.start(documents.ingestion.follow(), name="config.documents")
        tasks.start(documents.ingestion.run(), name="config.ingestion")
        tasks.start(access.follow(), name="config.access")
        tasks.start(keep_uses(nats, access.keys), name="config.key_uses")
        answers = PostgresAnswers(pool, secret=settings.key_pepper.encode())
        tasks.start(answers.sweep(), name="config.idempotent_answers")
        for projection in projections(settings):
            runner = ProjectionRunner(log=log, dsn=settings.postgres_dsn, service=SERVICE, projection=projection)
            tasks.start(runner.run(), name=f"config.{projection.name}")
        app = create_app(
            name="config",
            routes=ROUTES,
            examples=EXAMPLES,
            dependencies={
                "entities": entities,
                "versions": versions,
                "knowledge": documents.base,
                "search": documents.search,
                "terms": Terms(log=log, clock=SystemClock(), source=SOURCE),
                "people": people,
                "pool": pool,
                "custom_tools": custom_tools,
                "mcp_servers": servers,
                "mcp_tools": mcp_tools,
                "panel_kinds": PanelKinds(log=log, clock=SystemClock(), source=SOURCE, allow=allow),
                "credentials": credentials,
                "access": access,
                "uses": partial(read_uses, nats),
            },
            access=access,
            answers=answers,
            ready=lambda: nats.is_connected and access.caught_up.is_set(),
        )
        async with (
            open_admin(
                settings,
                event_log=log,
                pool=pool,
                entities=entities,
                invitations=people.invitations,
                credentials=credentials,
                answers=answers,
                ready=lambda: nats.is_connected,
                source=SOURCE,
            ),
            await serve(nats, TOOL_SECRETS, OpenToolSecrets, session_secrets.open, queue="config"),
            await serve(nats, MCP_TOOLS, ReportMcpTools, session_secrets.take, queue="config"),
            await serve(nats, PROVIDER_CREDENTIALS, OpenProviderCredentials, credentials.open, queue="config"),
            await serve(nats, SEARCH_KNOWLEDGE, SearchKnowledge, documents.search.answer, queue="config"),
        ):
            yield Service(name="config", app=app, tasks=tasks, ready=access.caught_up.is_set)


def provider_addresses(settings: Settings) -> dict[ProviderName, str]:
    """Where providers are, as the settings say; raises BadSettings."""
    found: dict[ProviderName, str] = {}
    for part in filter(None, settings.provider_urls.split(",")):
        given, _, url = part.strip().partition("=")
        name = provider_named(given)
        if name is None or not url:
            raise BadSettings(f"BATON_PROVIDER_URLS: {', '.join(PROVIDERS)} may be given as name=URL, commas between")
        found[name] = url
    return found


def _keyring(settings: Settings) -> Keyring:
    try:
        return Keyring.parse(settings.secret_keys)
    except ValueError:
        raise BadSettings("BATON_SECRET_KEYS: 64 hexadecimal digits each are expected, commas between") from None
