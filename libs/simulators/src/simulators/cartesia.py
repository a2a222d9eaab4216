"""Cartesia's text to speech: the socket at /tts/websocket, the request at /tts/bytes, and the list of voices.

Wire: https://docs.cartesia.ai/api-reference/tts/websocket, as the LiveKit plugin speaks it, and
https://docs.cartesia.ai/api-reference/voices/list. Sound comes in frames, as fast as the client takes it. It must never
keep a transcript.
"""

import asyncio
import base64
import time
from collections.abc import Mapping

import msgspec
import numpy as np
from aiohttp import WSMsgType, web

from simulators.accounts import Accounts, hint_of
from simulators.requests import LoggedRequest, RequestLog
from simulators.sockets import Sockets
from simulators.speech import Samples
from simulators.voices import Speech, pitch_hz

FRAME_S = 0.1
IDLE_TIMEOUT_S = 300.0
LONGEST_TRANSCRIPT = 10_000
RATES_HZ = (8_000, 16_000, 22_050, 24_000, 44_100, 48_000)

Message = dict[str, object]


class Invalid(Exception):
    """The request is not one that Cartesia would accept."""


class Voice(msgspec.Struct, frozen=True):
    """A voice, by its id (`mode: id`)."""

    mode: str
    id: str = ""


class OutputFormat(msgspec.Struct, frozen=True):
    """How the sound is to be written."""

    container: str
    encoding: str
    sample_rate: int


class GenerationConfig(msgspec.Struct, frozen=True):
    """How it is to be spoken."""

    speed: float = 1.0


class Generation(msgspec.Struct, frozen=True, rename={"continued": "continue"}):
    """One piece of text to speak; pieces with one `context_id` belong together."""

    model_id: str
    transcript: str
    voice: Voice
    output_format: OutputFormat
    context_id: str | None = None
    continued: bool = False
    flush: bool = False
    add_timestamps: bool = False
    generation_config: GenerationConfig = GenerationConfig()


class Control(msgspec.Struct, frozen=True):
    """What every message on the socket has, and the one that cancels a context."""

    context_id: str | None = None
    cancel: bool = False


class Cartesia:
    """The handlers. `pitches` are the scenario's voices."""

    def __init__(
        self, *, pitches: Mapping[str, float], requests: RequestLog, sockets: Sockets, accounts: Accounts
    ) -> None:
        self._pitches = pitches
        self._requests = requests
        self._sockets = sockets
        self._accounts = accounts

    def routes(self, prefix: str) -> list[web.RouteDef]:
        """Its routes, under a prefix such as /cartesia."""
        return [
            web.get(f"{prefix}/tts/websocket", self.stream),
            web.post(f"{prefix}/tts/bytes", self.whole),
            web.get(f"{prefix}/voices", self.voices),
        ]

    async def voices(self, request: web.Request) -> web.Response:
        """The voices that the scenario names, up to `limit` of them; any other id is a voice as well."""
        if not self._authorised(request):
            return web.json_response({"error": "missing API key or version"}, status=401)
        limit = request.query.get("limit", "10")
        if not limit.isdecimal() or not 1 <= int(limit) <= 100:
            return web.json_response({"error": "limit: from 1 to 100"}, status=400)
        named = [{"id": id, "name": id, "language": "en"} for id in sorted(self._pitches)]
        return web.json_response({"data": named[: int(limit)], "has_more": len(named) > int(limit)})

    async def whole(self, request: web.Request) -> web.Response:
        """All of the sound in one answer."""
        if not self._authorised(request):
            return web.json_response({"error": "missing API key or version"}, status=401)
        try:
            wanted = read(await request.read())
        except Invalid as error:
            return web.json_response({"error": str(error)}, status=400)
        self._log(request, wanted)
        if (status := self._accounts.down("cartesia", wanted.model_id)) is not None:
            return web.json_response({"error": "the model is not available"}, status=status)
        speech = self._speech(wanted)
        sound = encode(speech.samples(0, speech.length), wanted.output_format)
        return web.Response(body=sound, content_type="application/octet-stream")

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Speaks what comes, until the client closes."""
        if not self._authorised(request):
            return web.json_response({"error": "missing API key or version"}, status=401)
        socket = web.WebSocketResponse(receive_timeout=IDLE_TIMEOUT_S, max_msg_size=2**20)
        await socket.prepare(request)
        offsets: dict[str | None, float] = {}
        with self._sockets.holding(socket):
            try:
                async for message in socket:
                    if message.type is WSMsgType.TEXT:
                        await self._answer(request, socket, message.data, offsets)
            except (TimeoutError, ConnectionError):
                await socket.close()
        return socket

    async def _answer(
        self, request: web.Request, socket: web.WebSocketResponse, text: str, offsets: dict[str | None, float]
    ) -> None:
        """Speak one piece; `offsets` says how many seconds each open context has spoken."""
        try:
            control = msgspec.json.decode(text, type=Control)
            if control.cancel:
                offsets.pop(control.context_id, None)
                return
            wanted = read(text)
        except (Invalid, msgspec.DecodeError) as error:
            await _send(
                socket, {"type": "error", "context_id": _context_of(text), "status_code": 400, "error": str(error)}
            )
            return
        if wanted.transcript.strip():
            self._log(request, wanted)
            if (status := self._accounts.down("cartesia", wanted.model_id)) is not None:
                told: Message = {"type": "error", "context_id": wanted.context_id, "status_code": status}
                await _send(socket, told | {"done": True, "error": "the model is not available"})
                return
            offset_s = offsets.get(wanted.context_id, 0.0)
            offsets[wanted.context_id] = offset_s + await self._speak(socket, wanted, offset_s)
        if wanted.flush:
            await _send(socket, {"type": "flush_done", "context_id": wanted.context_id, "flush_done": True})
        if not wanted.continued:
            offsets.pop(wanted.context_id, None)
            await _send(socket, {"type": "done", "context_id": wanted.context_id, "done": True, "status_code": 200})

    async def _speak(self, socket: web.WebSocketResponse, wanted: Generation, offset_s: float) -> float:
        """Send the timestamps and the frames of one piece. Returns its length in seconds."""
        speech = self._speech(wanted)
        rate_hz = wanted.output_format.sample_rate
        head: Message = {"context_id": wanted.context_id, "status_code": 206, "done": False}
        if wanted.add_timestamps:
            words = word_timestamps(wanted.transcript, offset_s, speech.length / rate_hz)
            await _send(socket, head | {"type": "timestamps", "word_timestamps": words})
        frame = round(rate_hz * FRAME_S)
        for start in range(0, speech.length, frame):
            sound = encode(speech.samples(start, frame), wanted.output_format)
            await _send(socket, head | {"type": "chunk", "data": base64.b64encode(sound).decode()})
            await asyncio.sleep(0)
        return speech.length / rate_hz

    def _authorised(self, request: web.Request) -> bool:
        version = request.headers.get("Cartesia-Version") or request.query.get("cartesia_version")
        return bool(version) and self._accounts.good("cartesia", request)

    def _speech(self, wanted: Generation) -> Speech:
        return Speech(
            wanted.transcript,
            pitch=pitch_hz(wanted.voice.id, self._pitches),
            rate_hz=wanted.output_format.sample_rate,
            speed=wanted.generation_config.speed,
        )

    def _log(self, request: web.Request, wanted: Generation) -> None:
        self._requests.add(
            LoggedRequest(
                number=0,
                at=time.time(),
                vendor="cartesia",
                path=request.path,
                traceparent=request.headers.get("traceparent"),
                model=wanted.model_id,
                voice=wanted.voice.id,
                characters=len(wanted.transcript.strip()),
                key=hint_of(request),
            )
        )


def read(body: bytes | str) -> Generation:
    """Read and check a request. Raises Invalid."""
    try:
        wanted = msgspec.json.decode(body, type=Generation)
    except msgspec.DecodeError as error:
        raise Invalid(str(error)) from error
    form = wanted.output_format
    if wanted.voice.mode != "id" or not wanted.voice.id:
        raise Invalid("voice: only mode id, with an id")
    if form.container != "raw" or form.encoding not in {"pcm_s16le", "pcm_f32le"}:
        raise Invalid("output_format: only container raw with encoding pcm_s16le or pcm_f32le")
    if form.sample_rate not in RATES_HZ:
        raise Invalid(f"output_format.sample_rate: one of {', '.join(map(str, RATES_HZ))}")
    if len(wanted.transcript) > LONGEST_TRANSCRIPT:
        raise Invalid(f"transcript: {LONGEST_TRANSCRIPT} characters at most")
    if not 0.5 <= wanted.generation_config.speed <= 2.0:
        raise Invalid("generation_config.speed: from 0.5 to 2.0")
    return wanted


def encode(samples: Samples, form: OutputFormat) -> bytes:
    """Samples as the bytes of an output format."""
    if form.encoding == "pcm_f32le":
        return (samples / np.float32(32768)).astype("<f4").tobytes()
    return samples.astype("<i2").tobytes()


def word_timestamps(text: str, offset_s: float, length_s: float) -> dict[str, list[str] | list[float]]:
    """When each word is said, in seconds from the start of the context: time shared out by letters."""
    words = text.split()
    ends = np.cumsum([len(word) for word in words]) / sum(map(len, words)) * length_s + offset_s
    starts = [offset_s, *ends[:-1].tolist()]
    return {"words": words, "start": starts, "end": ends.tolist()}


def _context_of(text: str) -> str | None:
    try:
        return msgspec.json.decode(text, type=Control).context_id
    except msgspec.DecodeError:
        return None


async def _send(socket: web.WebSocketResponse, message: Message) -> None:
    await socket.send_str(msgspec.json.encode(message).decode())
