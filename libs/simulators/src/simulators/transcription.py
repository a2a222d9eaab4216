"""A live transcript in Deepgram's words: sound in, messages out. Pure: no socket, no clock.

It says nothing in silence, an empty transcript to speech that it does not know, and never more than what it heard.
"""

from collections.abc import Iterator

import msgspec

from simulators.recognition import Recogniser
from simulators.segmentation import Began, Ended, Segmenter
from simulators.speech import Samples

Message = dict[str, object]

INTERIM_S = 0.4
"""Speech between two interim results."""
FIRST_INTERIM_S = 0.8
"""Speech before the first one: a shorter beginning may be that of anything."""


class Options(msgspec.Struct, frozen=True):
    """What a connection asks for, of what changes the answer. Times in milliseconds, as on the wire."""

    rate_hz: int = 16_000
    interim_results: bool = False
    vad_events: bool = False
    punctuate: bool = False
    utterance_end_ms: int | None = None


class Word(msgspec.Struct, frozen=True):
    """A word with its place in the stream, in seconds."""

    word: str
    punctuated_word: str
    start: float
    end: float
    confidence: float


class Transcription:
    """One connection's transcript."""

    def __init__(self, recogniser: Recogniser, options: Options, *, request_id: str) -> None:
        self._recogniser = recogniser
        self._options = options
        self._request_id = request_id
        self._segmenter = Segmenter(rate_hz=options.rate_hz)
        self._interim_at_s = 0.0
        self._interim_text = ""
        self._last_word_end_s: float | None = None

    @property
    def heard_s(self) -> float:
        """How much sound came in so far, in seconds."""
        return self._segmenter.heard_s

    def take(self, samples: Samples) -> Iterator[Message]:
        """The messages that the next samples give rise to."""
        for event in self._segmenter.take(samples):
            match event:
                case Began():
                    yield from self._began(event)
                case Ended():
                    yield self._final(event)
        yield from self._interim()
        yield from self._utterance_end()

    def finalize(self) -> Message:
        """The final result for whatever is being said; an empty one if nothing is."""
        ended = self._segmenter.flush()
        if ended is not None:
            return self._final(ended)
        return self._results("", self.heard_s, 0.0, final=True, speech_final=False, from_finalize=True)

    def _began(self, event: Began) -> Iterator[Message]:
        self._interim_at_s = event.at_s + FIRST_INTERIM_S
        self._interim_text = ""
        self._last_word_end_s = None
        if self._options.vad_events:
            yield {"type": "SpeechStarted", "channel": [0], "timestamp": round(event.at_s, 3)}

    def _interim(self) -> Iterator[Message]:
        heard_s = self.heard_s
        if not (self._options.interim_results and self._segmenter.speaking and heard_s >= self._interim_at_s):
            return
        self._interim_at_s = heard_s + INTERIM_S
        text = self._part(self._segmenter.so_far())
        if text not in {"", self._interim_text}:
            self._interim_text = text
            began_s = self._segmenter.began_at_s
            yield self._results(text, began_s, heard_s - began_s, final=False, speech_final=False)

    def _final(self, ended: Ended) -> Message:
        heard = self._recogniser.whole(ended.samples, self._options.rate_hz)
        text = heard.text if heard else self._part(ended.samples)
        self._last_word_end_s = ended.at_s + ended.duration_s
        flushed = ended.because == "flush"
        return self._results(text, ended.at_s, ended.duration_s, final=True, speech_final=True, from_finalize=flushed)

    def _part(self, samples: Samples) -> str:
        heard = self._recogniser.part(samples, self._options.rate_hz)
        return heard.text if heard else ""

    def _utterance_end(self) -> Iterator[Message]:
        wanted_ms, word_end_s = self._options.utterance_end_ms, self._last_word_end_s
        if wanted_ms is None or word_end_s is None or self.heard_s - word_end_s < wanted_ms / 1000:
            return
        self._last_word_end_s = None
        yield {"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": round(word_end_s, 3)}

    def _results(
        self,
        text: str,
        start_s: float,
        length_s: float,
        *,
        final: bool,
        speech_final: bool,
        from_finalize: bool = False,
    ) -> Message:
        words = timed(text, start_s, length_s)
        transcript = text if self._options.punctuate else " ".join(word.word for word in words)
        alternative = {"transcript": transcript, "confidence": 0.99 if text else 0.0, "words": words}
        return {
            "type": "Results",
            "channel_index": [0, 1],
            "duration": round(length_s, 3),
            "start": round(start_s, 3),
            "is_final": final,
            "speech_final": speech_final,
            "from_finalize": from_finalize,
            "channel": {"alternatives": [alternative]},
            "metadata": {"request_id": self._request_id},
        }


def timed(text: str, start_s: float, length_s: float) -> list[Word]:
    """The words of a text, each with a share of the time that grows with its letters."""
    words = text.split()
    per_letter = length_s / max(1, sum(map(len, words)))
    placed = []
    at_s = start_s
    for word in words:
        end_s = at_s + len(word) * per_letter
        plain = word.strip(".,;:!?\"'()").lower()
        placed.append(Word(plain, word, round(at_s, 3), round(end_s, 3), 0.99))
        at_s = end_s
    return placed
