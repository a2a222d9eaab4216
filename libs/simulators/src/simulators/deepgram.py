"""Deepgram's speech to text: the live socket and the request for a whole recording, both at /v1/listen; and
/v1/auth/token, which says whether a key is good.

Wire: https://developers.deepgram.com/reference/speech-to-text/listen-streaming, as the LiveKit plugin speaks it, and
https://developers.deepgram.com/docs/authenticating.
It must never keep sound longer than an utterance.
"""

import time
import uuid

import msgspec
import numpy as np
from aiohttp import WSMsgType, web

from simulators.accounts import Accounts, hint_of
from simulators.recognition import Recogniser
from simulators.requests import LoggedRequest, RequestLog
from simulators.sockets import Sockets
from simulators.speech import decode_wav
from simulators.transcription import Message, Options, Transcription, timed

IDLE_TIMEOUT_S = 12.0
"""Without sound or a KeepAlive for so long, Deepgram closes the socket (NET-0001)."""


class Unsupported(Exception):
    """The query asks for what this simulator does not do."""


class Command(msgspec.Struct, frozen=True):
    """A text message of the client: KeepAlive, Finalize or CloseStream."""

    type: str


class Deepgram:
    """The handlers."""

    def __init__(self, *, recogniser: Recogniser, requests: RequestLog, sockets: Sockets, accounts: Accounts) -> None:
        self._recogniser = recogniser
        self._requests = requests
        self._sockets = sockets
        self._accounts = accounts

    def routes(self, path: str) -> list[web.RouteDef]:
        """Its routes, at a path such as /deepgram/v1/listen."""
        token = path.removesuffix("/listen") + "/auth/token"
        return [web.get(path, self.live), web.post(path, self.recorded), web.get(token, self.token)]

    async def token(self, request: web.Request) -> web.Response:
        """What is known of the key that came."""
        if not self._accounts.good("deepgram", request):
            return _error(401, "INVALID_AUTH", "Invalid credentials.", str(uuid.uuid4()))
        return web.json_response({"api_key_id": str(uuid.uuid5(uuid.NAMESPACE_URL, hint_of(request))), "scopes": []})

    async def live(self, request: web.Request) -> web.StreamResponse:
        """Listens, and answers, until the client closes the stream."""
        request_id = str(uuid.uuid4())
        if not self._accounts.good("deepgram", request):
            return _error(401, "INVALID_AUTH", "Invalid credentials.", request_id)
        try:
            options = read_options(request)
        except Unsupported as error:
            return _error(400, "Bad Request", str(error), request_id)
        self._log(request)
        if (status := self._accounts.down("deepgram", request.query.get("model", ""))) is not None:
            return _error(status, "Unavailable", "The model is not available.", request_id)
        socket = web.WebSocketResponse(receive_timeout=IDLE_TIMEOUT_S, max_msg_size=2**20)
        socket.headers["dg-request-id"] = request_id
        await socket.prepare(request)
        with self._sockets.holding(socket):
            await self._listen(socket, Transcription(self._recogniser, options, request_id=request_id), request_id)
        return socket

    async def recorded(self, request: web.Request) -> web.Response:
        """The transcript of a WAV in the body."""
        request_id = str(uuid.uuid4())
        if not self._accounts.good("deepgram", request):
            return _error(401, "INVALID_AUTH", "Invalid credentials.", request_id)
        try:
            samples, rate_hz = decode_wav(await request.read())
        except ValueError as error:
            return _error(400, "Bad Request", str(error), request_id)
        self._log(request)
        heard = self._recogniser.whole(samples, rate_hz)
        length_s = samples.size / rate_hz
        text = heard.text if heard else ""
        words = msgspec.to_builtins(timed(text, 0.0, length_s))
        alternative = {"transcript": text, "confidence": 0.99 if text else 0.0, "words": words}
        return web.json_response(
            {
                "metadata": {"request_id": request_id, "duration": length_s, "channels": 1},
                "results": {"channels": [{"alternatives": [alternative], "detected_language": "en"}]},
            }
        )

    async def _listen(self, socket: web.WebSocketResponse, transcription: Transcription, request_id: str) -> None:
        try:
            async for message in socket:
                if message.type is WSMsgType.BINARY:
                    samples = np.frombuffer(message.data[: len(message.data) // 2 * 2], dtype="<i2").astype(np.int16)
                    for answer in transcription.take(samples):
                        await _send(socket, answer)
                elif message.type is WSMsgType.TEXT and not await _obey(socket, message.data, transcription):
                    await _send(socket, _metadata(transcription, request_id))
                    await socket.close()
                    return
        except TimeoutError:
            await socket.close(code=1011, message=b"NET-0001")
        except ConnectionError:
            return  # The client went away in the middle of an answer.

    def _log(self, request: web.Request) -> None:
        self._requests.add(
            LoggedRequest(
                number=0,
                at=time.time(),
                vendor="deepgram",
                path=request.path,
                traceparent=request.headers.get("traceparent"),
                model=request.query.get("model"),
                key=hint_of(request),
            )
        )


def read_options(request: web.Request) -> Options:
    """What the query asks for. Raises Unsupported."""
    query = request.query
    if query.get("encoding") != "linear16":
        raise Unsupported("encoding must be linear16")
    if query.get("channels", "1") != "1":
        raise Unsupported("channels must be 1")
    rate, end_ms = query.get("sample_rate", ""), query.get("utterance_end_ms")
    if not rate.isdecimal() or not 8_000 <= int(rate) <= 48_000:
        raise Unsupported("sample_rate must be from 8000 to 48000")
    if end_ms is not None and not end_ms.isdecimal():
        raise Unsupported("utterance_end_ms must be a number")
    return Options(
        rate_hz=int(rate),
        interim_results=query.get("interim_results") == "true",
        vad_events=query.get("vad_events") == "true",
        punctuate="true" in {query.get("punctuate"), query.get("smart_format")},
        utterance_end_ms=int(end_ms) if end_ms is not None else None,
    )


async def _obey(socket: web.WebSocketResponse, text: str, transcription: Transcription) -> bool:
    """Do what a text message says. False when the stream is over."""
    try:
        command = msgspec.json.decode(text, type=Command)
    except msgspec.DecodeError as error:
        await _send(socket, {"type": "Error", "description": str(error)})
        return True
    match command.type:
        case "Finalize":
            await _send(socket, transcription.finalize())
        case "CloseStream":
            await _send(socket, transcription.finalize())
            return False
        case "KeepAlive":
            pass
        case _:
            await _send(socket, {"type": "Error", "description": "unknown message type"})
    return True


async def _send(socket: web.WebSocketResponse, message: Message) -> None:
    await socket.send_str(msgspec.json.encode(message).decode())


def _metadata(transcription: Transcription, request_id: str) -> Message:
    return {"type": "Metadata", "request_id": request_id, "duration": transcription.heard_s, "channels": 1}


def _error(status: int, code: str, message: str, request_id: str) -> web.Response:
    return web.json_response({"err_code": code, "err_msg": message, "request_id": request_id}, status=status)
