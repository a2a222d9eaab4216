"""A LiveKit job: one process, one session. LiveKit calls `prewarm` and `entrypoint` by name in the forked process.

The order is the design's (§3.3): look at the log, claim the epoch, and only then open the key, load the snapshot, fold,
and connect. A job whose claim does not win never enters the room. It reads its settings from the environment.
"""

import asyncio
import contextlib
import os

import msgspec
import structlog
from livekit.agents import AutoSubscribe, JobContext, JobProcess
from livekit.plugins import silero

from chassis.clock import SystemClock
from chassis.event_log import LogFault
from chassis.guarded_addresses import loopback_only
from chassis.guarded_http import GuardedClient
from chassis.key_ring import KeyRing, KeysOutOfReach
from chassis.nats.connection import Client, connect
from chassis.nats.event_log import NatsEventLog
from chassis.nats.keys import asking_for_keys
from chassis.nats.object_store import NatsObjectStore
from chassis.nats.requests import serve
from chassis.object_store import ObjectMissing
from chassis.recording import current_traceparent
from chassis.sealing import SealBroken
from chassis.settings import load
from chassis.telemetry.tracing import continued, flush
from contracts.commands.jobs import JobMetadata
from contracts.commands.live import LiveRequest
from contracts.pricing import BadPriceBook
from contracts.subjects import TEMPLATE_VERSIONS_BUCKET, live_session_subject
from contracts.template_version import CorruptVersion
from runtime import telemetry
from runtime.adapters.library import Library, asking_for_knowledge
from runtime.adapters.lifeline import beating
from runtime.adapters.livekit_surface import LiveKitSurface
from runtime.adapters.models import Providers, VoiceModels
from runtime.adapters.outside import McpReports, Outside, ToolSecrets, asking_config, telling_config
from runtime.adapters.own_keys import CredentialsUnavailable, asking_for_credentials, providers_of
from runtime.adapters.versions import Versions
from runtime.claim import Claim, claim, record_failure
from runtime.conversation import Conversation
from runtime.serving import SOURCE, KeyMissing, serve_session
from runtime.settings import Settings

log = structlog.get_logger()

CONNECT_S = 15.0
KEY_S = 10.0
FLUSH_SPANS_MS = 2000
LAST_MOMENTS_S = 10.0
LEAVE_S = 2.0
_VAD = "vad"


def prewarm(process: JobProcess) -> None:
    """Before any job is known: what costs time and is the same for all."""
    telemetry.configure(load(Settings, os.environ))
    process.userdata[_VAD] = silero.VAD.load(min_silence_duration=0.4)


async def entrypoint(ctx: JobContext) -> None:
    """One session, from claim to end."""
    metadata = msgspec.json.decode(ctx.job.metadata, type=JobMetadata)
    settings = load(Settings, os.environ)
    structlog.contextvars.bind_contextvars(session=metadata.session, epoch=metadata.epoch)
    why = "not claimed"
    try:
        with continued(metadata.traceparent, "session job"):
            async with connect(settings.nats_url, name="runtime-job") as client:
                if await _serve(ctx, client, settings, metadata):
                    why = "session over"
    except (LogFault, KeysOutOfReach) as fault:
        log.error("job_gave_up", code=fault.code)
        why = "log unavailable"
    finally:
        # The process ends without a word to its exporters: what the session left in them goes out before.
        await asyncio.to_thread(flush, timeout_ms=FLUSH_SPANS_MS)
        ctx.shutdown(why)


async def _serve(ctx: JobContext, client: Client, settings: Settings, metadata: JobMetadata) -> bool:
    """Whether the session was ours."""
    event_log, clock = NatsEventLog(client), SystemClock()
    claimed = await claim(
        event_log,
        metadata,
        clock=clock,
        source=SOURCE,
        job_id=ctx.job.id,
        worker_id=ctx.worker_id,
        participant=ctx.local_participant_identity,
    )
    if claimed is None:
        log.info("job_not_claimed", job=ctx.job.id)
        return False
    surface = LiveKitSurface(room=ctx.room, identity=metadata.identity)
    allow = loopback_only if settings.development_reach_loopback else None
    try:
        async with (
            beating(client, metadata),
            GuardedClient(allow=allow) as guarded,
            serve_session(
                event_log=event_log,
                versions=Versions(objects=NatsObjectStore(client, TEMPLATE_VERSIONS_BUCKET), folder=settings.cache_dir),
                keys=KeyRing(ask=asking_for_keys(client, timeout_s=KEY_S), reader=SOURCE),
                metadata=metadata,
                claimed=claimed,
                surface=surface,
                models=VoiceModels(
                    providers=await _providers(client, metadata),
                    voice_activity=ctx.proc.userdata[_VAD],
                    traceparent=current_traceparent(),
                    allow=allow,
                ),
                clock=clock,
                spill_folder=settings.job_spill_dir or settings.spill_dir,
                outside=Outside(
                    client=guarded,
                    secrets=ToolSecrets(ask=asking_config(client), metadata=metadata),
                    session=metadata.session,
                    livemode=metadata.livemode,
                    reports=McpReports(tell=telling_config(client), metadata=metadata),
                    library=Library(ask=asking_for_knowledge(client), customer=metadata.customer),
                ),
            ) as conversation,
        ):
            await _converse(ctx, client, metadata, surface, conversation)
    except (
        KeyMissing,
        ObjectMissing,
        CorruptVersion,
        SealBroken,
        BadPriceBook,
        CredentialsUnavailable,
    ) as unusable:
        log.error("session_unusable", code=unusable.code)
        await _give_up(event_log, metadata, claimed, unusable.code)
    return True


async def _providers(client: Client, metadata: JobMetadata) -> Providers:
    """Raises CredentialsUnavailable."""
    deployment = Providers.from_environment(os.environ)
    return await providers_of(metadata, deployment=deployment, ask=asking_for_credentials(client))


async def _converse(
    ctx: JobContext, client: Client, metadata: JobMetadata, surface: LiveKitSurface, conversation: Conversation
) -> None:
    """Enter the room, talk until the end; whatever happens, the session gets its last event."""
    bystander = asyncio.create_task(asyncio.Event().wait(), name="bystander")
    try:
        async with asyncio.timeout(CONNECT_S):
            await ctx.connect(auto_subscribe=AutoSubscribe.AUDIO_ONLY)
        async with (
            surface,
            await serve(client, live_session_subject(metadata.session), LiveRequest, conversation.live, queue=None),
        ):
            await conversation.start()
            log.info("session_running", job=ctx.job.id)
            await conversation.wait_ended()
    except asyncio.CancelledError:
        if bystander.done() or bystander.cancelling():
            # Not this task alone: the worker died, and the SDK cancels whatever runs here. Nothing can be published any
            # more, but the spill has it; who leaves the room now is missed at once, and not after 21 s.
            log.error("worker_gone", job=ctx.job.id)
            await _leave(ctx)
        else:
            # The worker is going down and its patience is over.
            conversation.end("drained")
            await _last_moments(conversation)
        raise
    except Exception as error:
        # A boundary: a session that is claimed must end, whatever broke.
        log.error("session_broken", fault=type(error).__name__, exc_info=error)
        conversation.fail("runtime_fault", type(error).__name__)
        await _last_moments(conversation)
    finally:
        bystander.cancel()


async def _leave(ctx: JobContext) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LEAVE_S):
            await ctx.room.disconnect()


async def _last_moments(conversation: Conversation) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LAST_MOMENTS_S):
            await conversation.wait_ended()


async def _give_up(event_log: NatsEventLog, metadata: JobMetadata, claimed: Claim, code: str) -> None:
    await record_failure(event_log, metadata, claimed, clock=SystemClock(), source=SOURCE, code=code)
