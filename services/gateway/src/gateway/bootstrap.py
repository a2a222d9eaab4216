"""The wiring of the gateway, top to bottom."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.resources import files
from pathlib import Path

from chassis.access import Access
from chassis.access_tokens import TokenVerifier
from chassis.clock import SystemClock
from chassis.guarded_addresses import loopback_only
from chassis.guarded_http import GuardedClient
from chassis.http.app import create_app
from chassis.ids import new_id
from chassis.nats.connection import connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.key_uses import keep_uses
from chassis.nats.logs import declare_logs
from chassis.nats.object_store import NatsObjectStore
from chassis.postgres import migrations
from chassis.postgres.generations import AnyProjection
from chassis.postgres.idempotency import PostgresAnswers
from chassis.postgres.pool import open_pool
from chassis.postgres.prepare import prepare_projections
from chassis.postgres.price_books import PriceBooks
from chassis.postgres.runner import ProjectionRunner
from chassis.service import Service
from chassis.settings import BadSettings
from chassis.tasks import Tasks
from contracts.ids import InvalidId
from contracts.pricing import BadPriceBook, deployment_content
from contracts.subjects import TEMPLATE_VERSIONS_BUCKET
from gateway.adapters.catalogue import Catalogue
from gateway.adapters.deliveries import Deliveries
from gateway.adapters.ledger import Ledger
from gateway.adapters.livekit import LiveKitTokens, open_livekit
from gateway.adapters.outbound_endpoints import Endpoints
from gateway.adapters.outbound_secrets import OutboundSecrets
from gateway.adapters.page_logs import PageLogs
from gateway.adapters.places import Places
from gateway.adapters.rooms import Roomless, Rooms, Tokens
from gateway.adapters.session_streams import SessionStreams
from gateway.adapters.terms import CustomerTerms
from gateway.adapters.vault import Vault
from gateway.adapters.webhooks_seen import WebhooksSeen
from gateway.domain.allowance import Deployments
from gateway.domain.reconcile import Timers
from gateway.handlers.admitting import Admitting
from gateway.handlers.answers import answering
from gateway.handlers.budget_alarm import BudgetAlarm
from gateway.handlers.delivering import Delivering
from gateway.handlers.endings import Endings
from gateway.handlers.forgetting import forgetting
from gateway.handlers.heartbeats import Heartbeats
from gateway.handlers.live_events import LiveEvents
from gateway.handlers.open_sessions import OpenSessions
from gateway.handlers.opening import Opener
from gateway.handlers.outbound import Outbound
from gateway.handlers.page_reports import PageReports
from gateway.handlers.reconciler import Reconciler
from gateway.handlers.slots import SlotKeeper
from gateway.handlers.summaries import Summaries
from gateway.handlers.suspending import Suspending
from gateway.handlers.telling import Telling
from gateway.handlers.webhooks import Webhooks
from gateway.http import document, live, outbound, page_log, session_list
from gateway.http import sessions as session_routes
from gateway.http import webhooks as webhook_routes
from gateway.http.examples import EXAMPLES
from gateway.http.statuses import Statuses
from gateway.read_models.session_index import SERVICE, SessionIndex
from gateway.read_models.spending import Spending
from gateway.settings import Settings

SOURCE = "gateway/0.1"
ROUTES = [
    *session_routes.ROUTES,
    *session_list.ROUTES,
    *page_log.ROUTES,
    *live.ROUTES,
    *outbound.ROUTES,
    *webhook_routes.ROUTES,
    *document.ROUTES,
]
_MIGRATIONS = files("gateway.migrations")
_EMPTY_ROOM_S = 60
_MASTER_KEY_BYTES = 32


async def migrate(settings: Settings) -> None:
    """Declare the logs, make the tables and prepare the read models; safe to repeat."""
    dsn = settings.postgres_dsn
    async with connect(settings.nats_url, name="gateway") as nats:
        await declare_logs(nats, replicas=settings.nats_replicas)
        await migrations.migrate(dsn, service=SERVICE, folder=_MIGRATIONS)
        event_log = NatsEventLog(nats)
        await prepare_projections(dsn, event_log=event_log, service=SERVICE, projections=projections(settings))


def projections(settings: Settings) -> list[AnyProjection]:
    """The read models of this service."""
    return [SessionIndex(), PriceBooks(), Spending(service=SERVICE, book=settings.price_book)]


@contextlib.asynccontextmanager
async def open_service(
    settings: Settings,
    *,
    rooms: Rooms | None = None,
    timers: Timers | None = None,
    slot_expiry_s: float = 30,
    slot_sweep_s: float = 5,
    suspension_patience_s: float = 30,
) -> AsyncIterator[Service]:
    """Everything opened, in order; closed in reverse. `rooms` stands in for LiveKit's API in tests, times likewise."""
    clock, instance, master = SystemClock(), new_id("gw"), _master_key(settings)
    async with contextlib.AsyncExitStack() as stack:
        nats = await stack.enter_async_context(connect(settings.nats_url, name="gateway"))
        await migrations.expect_migrated(settings.postgres_dsn, service=SERVICE, folder=_MIGRATIONS)
        pool = await stack.enter_async_context(open_pool(settings.postgres_dsn, name=SERVICE, schema=SERVICE))
        if rooms is None and settings.livekit_url:
            rooms = await stack.enter_async_context(
                open_livekit(url=settings.livekit_url, key=settings.livekit_key, secret=settings.livekit_secret)
            )
        event_log = NatsEventLog(nats)
        access = Access(
            log=event_log,
            pepper=settings.key_pepper.encode(),
            tokens=TokenVerifier.parse(settings.login_public_keys),
        )
        catalogue = Catalogue(
            event_log=event_log,
            objects=NatsObjectStore(nats, TEMPLATE_VERSIONS_BUCKET),
        )
        terms = CustomerTerms(event_log=event_log, max_sessions=settings.max_sessions)
        places, seen, page_logs = Places(pool), WebhooksSeen(pool), PageLogs(pool)
        vault = Vault(pool=pool, master=master)
        opener = Opener(vault=vault)
        streams = SessionStreams(event_log=event_log, clock=clock, source=SOURCE, instance=instance)
        sessions = OpenSessions(event_log=event_log, pool=pool, streams=streams)
        endings = Endings(nats=nats, streams=streams, sessions=sessions, clock=clock)
        slots = SlotKeeper(
            sessions=sessions,
            streams=streams,
            places=places,
            webhooks=seen,
            expiry_s=slot_expiry_s,
            sweep_every_s=slot_sweep_s,
        )
        suspending = Suspending(
            catalogue=catalogue, sessions=sessions, endings=endings, clock=clock, patience_s=suspension_patience_s
        )
        heartbeats = Heartbeats(nats=nats, clock=clock, instance=instance)
        reconciler = Reconciler(
            sessions=sessions,
            streams=streams,
            endings=endings,
            places=places,
            rooms=rooms,
            pulse=heartbeats.pulse,
            own_providers=catalogue.own_providers,
            clock=clock,
            empty_timeout_s=settings.token_ttl_s + _EMPTY_ROOM_S,
            timers=timers,
        )
        webhooks = Webhooks(
            key=settings.livekit_key,
            secret=settings.livekit_secret,
            seen=seen,
            places=places,
            streams=streams,
            sessions=sessions,
            reconciler=reconciler,
            clock=clock,
        )
        allow = loopback_only if settings.development_reach_loopback else None
        guarded = await stack.enter_async_context(GuardedClient(allow=allow))
        endpoints, deliveries = Endpoints(event_log=event_log), Deliveries(pool)
        outbound_secrets = OutboundSecrets(pool=pool, vault=vault)
        outbound_endpoints = Outbound(
            event_log=event_log,
            clock=clock,
            endpoints=endpoints,
            secrets=outbound_secrets,
            deliveries=deliveries,
            source=SOURCE,
            allow=allow,
        )
        telling = Telling(
            event_log=event_log,
            dsn=settings.postgres_dsn,
            schema=SERVICE,
            endpoints=endpoints,
            sessions=sessions,
            streams=streams,
        )
        delivering = Delivering(
            deliveries=deliveries,
            endpoints=endpoints,
            secrets=outbound_secrets,
            outbound=outbound_endpoints,
            summaries=Summaries(event_log=event_log, opener=opener, ledger=Ledger(nats)),
            client=guarded,
            clock=clock,
            told=telling.told,
        )
        admitting = Admitting(
            catalogue=catalogue,
            terms=terms,
            deployments=_deployments(settings),
            places=places,
            alarm=BudgetAlarm(event_log=event_log, pool=pool, endpoints=endpoints, clock=clock, told=telling.told),
            vault=vault,
            streams=streams,
            sessions=sessions,
            reconciler=reconciler,
            tokens=_tokens(settings),
            token_ttl_s=settings.token_ttl_s,
            clock=clock,
        )
        tasks = await stack.enter_async_context(Tasks())
        tasks.start(access.follow(), name="gateway.access")
        tasks.start(keep_uses(nats, access.keys), name="gateway.key_uses")
        answers = PostgresAnswers(pool, secret=settings.key_pepper.encode())
        tasks.start(answers.sweep(), name="gateway.idempotent_answers")
        tasks.start(catalogue.follow(), name="gateway.catalogue")
        tasks.start(terms.follow(), name="gateway.terms")
        tasks.start(sessions.follow(), name="gateway.open_sessions")
        tasks.start(heartbeats.listen(), name="gateway.heartbeats")
        tasks.start(slots.keep(), name="gateway.slots")
        tasks.start(slots.sweep(), name="gateway.slot_sweep")
        tasks.start(_once(catalogue.caught_up, reconciler.run), name="gateway.reconciler")
        tasks.start(suspending.run(), name="gateway.suspending")
        tasks.start(endpoints.follow(), name="gateway.outbound_endpoints")
        tasks.start(telling.run(), name="gateway.telling")
        tasks.start(delivering.run(), name="gateway.delivering")
        tasks.start(forgetting([page_logs.forget_old, deliveries.forget_old]), name="gateway.forgetting")
        for projection in projections(settings):
            runner = ProjectionRunner(
                log=event_log, dsn=settings.postgres_dsn, service=SERVICE, projection=projection, clock=clock
            )
            tasks.start(runner.run(), name=f"gateway.{projection.name}")
        await stack.enter_async_context(answering(nats=nats, vault=vault, reconciler=reconciler))

        def ready() -> bool:
            parts = (access.caught_up, catalogue.caught_up, terms.caught_up, sessions.caught_up, endpoints.caught_up)
            return nats.is_connected and all(part.is_set() for part in parts)

        app = create_app(
            name="gateway",
            routes=ROUTES,
            examples=EXAMPLES,
            from_pages=True,
            dependencies={
                "admitting": admitting,
                "endings": endings,
                "statuses": Statuses(event_log=event_log),
                "webhooks": webhooks,
                "pool": pool,
                "vault": vault,
                "opener": opener,
                "live": LiveEvents(event_log=event_log, opener=opener),
                "outbound": outbound_endpoints,
                "endpoints": endpoints,
                "deliveries": deliveries,
                "reports": PageReports(places=places, vault=vault, page_logs=page_logs),
                "api_document": _api_document(settings),
            },
            access=access,
            answers=answers,
            ready=ready,
        )
        yield Service(name="gateway", app=app, tasks=tasks, ready=ready)


async def _once(known: asyncio.Event, run: Callable[[], Awaitable[None]]) -> None:
    """Run for ever, from when what it acts on is known."""
    await known.wait()
    await run()


def _deployments(settings: Settings) -> Deployments:
    try:
        return Deployments(settings.price_book, deployment_content(settings.price_book).currency)
    except (BadPriceBook, InvalidId) as error:
        raise BadSettings(f"BATON_PRICE_BOOK: {error}") from None


def _api_document(settings: Settings) -> bytes:
    if not settings.api_document:
        return b""
    try:
        return Path(settings.api_document).read_bytes()
    except OSError as error:
        raise BadSettings(f"BATON_API_DOCUMENT: {error.strerror}") from None


def _tokens(settings: Settings) -> Tokens:
    if not settings.livekit_url:
        return Roomless()
    url = settings.livekit_public_url or settings.livekit_url
    return LiveKitTokens(url=url, key=settings.livekit_key, secret=settings.livekit_secret)


def _master_key(settings: Settings) -> bytes:
    try:
        master = bytes.fromhex(settings.master_key)
    except ValueError:
        raise BadSettings("BATON_MASTER_KEY: 64 hexadecimal digits are expected") from None
    if len(master) != _MASTER_KEY_BYTES:
        raise BadSettings("BATON_MASTER_KEY: 64 hexadecimal digits are expected")
    return master
