"""The worker: takes jobs from LiveKit and runs each in a process of its own; sees them die, and says so.

LiveKit notices a killed job after 21 s and never sends another. The process pool notices after 20 ms: then what the
dead job's spill still holds is brought into the log, and the gateway is told, in this order.
"""

import asyncio
import contextlib
import multiprocessing.forkserver
import os
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import structlog
from livekit.agents import AgentServer, JobExecutorType, JobRequest
from livekit.agents.ipc import supervised_proc
from livekit.agents.job import RunningJobInfo

from chassis.event_log import EventLog
from chassis.nats.connection import Client
from chassis.nats.requests import NoAnswer, RequestRefused, ask
from chassis.tasks import Tasks
from contracts.commands.jobs import JobDeathTaken, JobDied, JobMetadata
from contracts.commands.live import End, LiveAnswer, LiveRequest
from contracts.subjects import JOB_DEATH, live_session_subject
from runtime import job, spills
from runtime.serving import spill_name
from runtime.settings import Settings

log = structlog.get_logger()

AGENT_NAME = "baton"
EPOCH_ATTRIBUTE = "baton.epoch"
_REPORT_S = 5.0
_REPORTS = 6
_ASK_S = 2.0
_POLITE_S = 30.0
_CLOSE_S = 40.0
_NEVER_GIVE_UP = 1_000_000


class Worker:
    """One AgentServer in the caller's loop. Use `running`."""

    def __init__(self, *, settings: Settings, client: Client, event_log: EventLog) -> None:
        self._settings, self._client, self._event_log = settings, client, event_log
        self._spills = spills.SpillFolder(settings.spill_dir)
        self._watch = Tasks()
        self._deaths: set[asyncio.Task[None]] = set()
        self._last: dict[str, asyncio.Event] = {}
        self._registered = False
        self._server = self._make_server()

    @property
    def registered(self) -> bool:
        """Whether LiveKit would send it jobs now."""
        return self._registered and not self._server._connecting and not self._server.draining

    @property
    def active_jobs(self) -> list[RunningJobInfo]:
        """The jobs that run now."""
        return self._server.active_jobs

    @contextlib.asynccontextmanager
    async def running(self, tasks: Tasks) -> AsyncIterator[None]:
        """Serve while the context is open; leaving lets calls end, politely and within bounds."""
        self._spills.open()
        try:
            await self._spills.publish_leftovers(self._event_log)
            _prepare_environment(self._settings, self._spills)
            keep_ctrl_c()
            serving = tasks.start(self._server.run(devmode=False), name="runtime.worker")
            try:
                yield
            finally:
                await self._close()
                await asyncio.wait({serving}, timeout=_CLOSE_S)
        finally:
            self._spills.close()

    def _make_server(self) -> AgentServer:
        settings = self._settings
        server = AgentServer(
            job_executor_type=JobExecutorType.PROCESS,
            load_fnc=lambda it: len(it.active_jobs) / settings.max_jobs,
            load_threshold=1.0,
            num_idle_processes=settings.idle_processes,
            job_memory_warn_mb=0,
            shutdown_process_timeout=_CLOSE_S,
            max_retry=_NEVER_GIVE_UP,
            ws_url=settings.livekit_url,
            api_key=settings.livekit_key,
            api_secret=settings.livekit_secret,
            host="127.0.0.1",
            port=0,
            setup_fnc=job.prewarm,
            preload_modules=["runtime.job"],
        )
        server.rtc_session(job.entrypoint, agent_name=AGENT_NAME, on_request=_accept)
        server.on("worker_registered", self._on_registered)
        server.on("worker_started", self._on_started)
        return server

    def _on_registered(self, *_about: object) -> None:
        self._registered = True
        log.info("worker_registered", worker=self._server.id)

    def _on_started(self) -> None:
        # The pool is private to the SDK; it has no public way to learn of a job's death.
        self._server._proc_pool.on("process_closed", self._on_process_closed)

    def _on_process_closed(self, process: Any) -> None:
        running: RunningJobInfo | None = process.running_job
        if running is None:
            return
        metadata = _metadata_of(running)
        if metadata is None:
            return
        died = JobDied(
            session=metadata.session,
            customer=metadata.customer,
            epoch=metadata.epoch,
            job_id=running.job.id,
            participant=running.accept_arguments.identity,
            exit_code=process.exitcode,
        )
        task = asyncio.get_running_loop().create_task(self._bury(metadata, died), name="job death")
        self._deaths.add(task)
        task.add_done_callback(self._deaths.discard)
        if told := self._last.get(died.job_id):
            told.set()

    async def _bury(self, metadata: JobMetadata, died: JobDied) -> None:
        log.info("job_process_closed", session=died.session, job=died.job_id, exit_code=died.exit_code)
        await spills.publish(self._event_log, self._spills.path / spill_name(metadata, died.job_id))
        for attempt in range(_REPORTS):
            try:
                taken = await ask(self._client, JOB_DEATH, died, JobDeathTaken, timeout_s=_REPORT_S)
            except (NoAnswer, RequestRefused) as error:
                log.warning("job_death_not_taken", session=died.session, attempt=attempt, why=type(error).__name__)
                await asyncio.sleep(min(2.0**attempt * 0.2, 5.0))
            else:
                log.info("job_death_taken", session=died.session, action=taken.action)
                return

    async def _close(self) -> None:
        """Take no more jobs; wait for calls to end by themselves, ask them to, then end the processes."""
        with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
            await self._server.drain(timeout=max(1, round(self._settings.drain_s)))
        self._last = {running.job.id: asyncio.Event() for running in self.active_jobs}
        await asyncio.gather(*(self._ask_to_end(running) for running in self.active_jobs))
        await self._until_no_jobs(_POLITE_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self._server.aclose()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REPORT_S):
                await self._until_buried()

    async def _until_buried(self) -> None:
        """The pool may tell of the last ends a moment after it was closed."""
        for told in self._last.values():
            await told.wait()
        await asyncio.gather(*self._deaths, return_exceptions=True)

    async def _ask_to_end(self, running: RunningJobInfo) -> None:
        metadata = _metadata_of(running)
        if metadata is None:
            return
        request = LiveRequest(customer=metadata.customer, actor="runtime", command=End(reason="drained"))
        try:
            await ask(
                self._client,
                live_session_subject(metadata.session),
                request,
                LiveAnswer,
                timeout_s=_ASK_S,
            )
        except (NoAnswer, RequestRefused) as error:
            log.info("job_not_asked_to_end", session=metadata.session, why=type(error).__name__)

    async def _until_no_jobs(self, timeout_s: float) -> None:
        deadline = asyncio.get_running_loop().time() + timeout_s
        while self.active_jobs and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 (the pool is mute)
            await asyncio.sleep(0.1)


async def _accept(request: JobRequest) -> None:
    """Any job whose metadata can be read: the log decides later. The epoch marks the agent for the page."""
    try:
        metadata = msgspec.json.decode(request.job.metadata, type=JobMetadata)
    except msgspec.MsgspecError:
        log.warning("job_rejected", job=request.id)
        await request.reject()
        return
    await request.accept(attributes={EPOCH_ATTRIBUTE: str(metadata.epoch)})


def _metadata_of(running: RunningJobInfo) -> JobMetadata | None:
    try:
        return msgspec.json.decode(running.job.metadata, type=JobMetadata)
    except msgspec.MsgspecError:
        return None


def keep_ctrl_c() -> None:
    """Let a Ctrl-C be heard at any time.

    While the SDK starts a job's process it ignores SIGINT in all of ours, for seconds on a busy machine, and one that
    comes meanwhile is lost. Its processes ignore SIGINT by themselves, before anything else.
    """
    supervised_proc._mask_ctrl_c = contextlib.nullcontext  # type: ignore[assignment]  # a context that does nothing


def _prepare_environment(settings: Settings, folder: spills.SpillFolder) -> None:
    """What job processes will read. They come from a fork server that keeps the environment of its own start."""
    os.environ.update(settings.as_environment())
    os.environ["BATON_JOB_SPILL_DIR"] = str(folder.path)
    multiprocessing.forkserver._forkserver._stop()  # type: ignore[attr-defined]
