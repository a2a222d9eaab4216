"""The three vendors on one port of loopback. It must never listen wider unless told to, nor write an access log."""

import socket
from types import TracebackType
from typing import Self

import msgspec
from aiohttp import web

from simulators.accounts import Accounts
from simulators.cartesia import Cartesia
from simulators.deepgram import Deepgram
from simulators.openai import OpenAI
from simulators.recognition import Recogniser
from simulators.requests import RequestLog
from simulators.scenario import Scenario
from simulators.sockets import Sockets

OPENAI_PREFIX = "/openai/v1"
DEEPGRAM_PATH = "/deepgram/v1/listen"
CARTESIA_PREFIX = "/cartesia"
LARGEST_REQUEST = 32 * 2**20
"""Bytes; images come in the requests."""
SHUTDOWN_TIMEOUT_S = 2.0


class Simulators:
    """Serves a scenario while entered, in the caller's event loop.

    `url`, `port` and the three base URLs are known once entered. `requests` is what was asked; GET /requests gives
    it as JSON, GET /healthz answers when all is up. Entering raises OSError where the port is taken or a recording
    cannot be read, ValueError where a recording is not 16-bit mono WAV.
    """

    def __init__(self, *, scenario: Scenario, host: str = "127.0.0.1", port: int = 0) -> None:
        self.requests = RequestLog()
        self.host = host
        self.port = port
        self._scenario = scenario
        self._sockets = Sockets()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.host}:{self.port}"

    @property
    def openai_base_url(self) -> str:
        """For OPENAI_BASE_URL."""
        return self.url + OPENAI_PREFIX

    @property
    def deepgram_base_url(self) -> str:
        """For DEEPGRAM_BASE_URL."""
        return self.url + DEEPGRAM_PATH

    @property
    def cartesia_base_url(self) -> str:
        """For CARTESIA_BASE_URL."""
        return self.url + CARTESIA_PREFIX

    async def __aenter__(self) -> Self:
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT_S)
        listener = socket.create_server((self.host, self.port))
        self.port = listener.getsockname()[1]
        await runner.setup()
        await web.SockSite(runner, listener).start()
        self._runner = runner
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._sockets.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _application(self) -> web.Application:
        scenario = self._scenario
        accounts, requests, sockets = Accounts(scenario), self.requests, self._sockets
        openai = OpenAI(scenario=scenario, requests=requests, accounts=accounts)
        recogniser = Recogniser(scenario.utterances)
        deepgram = Deepgram(recogniser=recogniser, requests=requests, sockets=sockets, accounts=accounts)
        cartesia = Cartesia(pitches=scenario.voices, requests=requests, sockets=sockets, accounts=accounts)
        application = web.Application(client_max_size=LARGEST_REQUEST)
        application.router.add_routes(
            [
                *openai.routes(OPENAI_PREFIX),
                *deepgram.routes(DEEPGRAM_PATH),
                *cartesia.routes(CARTESIA_PREFIX),
                web.get("/healthz", self._health),
                web.get("/requests", self._asked),
            ]
        )
        return application

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    async def _asked(self, request: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(list(self.requests)), content_type="application/json")
