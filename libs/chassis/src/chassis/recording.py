"""Making envelopes from decisions, and opening them again. One `Recorder` per stream and writer.

The recorder numbers the events (`n`), stamps and seals them once; whoever appends the commit only moves bytes.
"""

import msgspec
from opentelemetry import trace
from opentelemetry.trace import SpanContext

from chassis import sealing
from chassis.clock import Clock
from chassis.ids import new_event_id
from contracts.envelope import MAX_DATA_BYTES, MAX_PERSONAL_BYTES, Envelope, InvalidCommit, associated_data, format_time
from contracts.ids import CustomerId, EventId, KeyId
from contracts.registry import EventData, Personal, decode_personal, find_type, type_of

_encode = msgspec.json.Encoder().encode


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What every event of one writer has in common."""

    customer: CustomerId
    subject: str
    writer: str
    source: str
    livemode: bool = False
    keyid: KeyId = KeyId("")
    correlationid: str = ""


class Recorder:
    """Turns (data, personal) into sealed envelopes with gapless `n`. Not safe for use by two tasks at once."""

    def __init__(
        self, *, origin: Origin, clock: Clock, key: bytes | None = None, last_n: int = 0, epoch: int = 0
    ) -> None:
        self._origin, self._clock, self._key = origin, clock, key
        self._n, self._epoch = last_n, epoch

    @property
    def last_n(self) -> int:
        """`n` of the last envelope made."""
        return self._n

    def record(
        self,
        data: EventData,
        personal: Personal | None = None,
        *,
        actor: str = "",
        causationid: str = "",
        traceparent: str | None = None,
        id: EventId | None = None,
    ) -> Envelope:
        """The next envelope.

        Raises InvalidCommit when `data` is over 64 KiB or the sealed part over 320 KiB (no number is used up then),
        ValueError when a key is missing.
        """
        kind = type_of(data)
        event_id = id or EventId(new_event_id())
        encoded = _encode(data)
        if len(encoded) > MAX_DATA_BYTES:
            raise InvalidCommit(f"{kind.name}: data holds at most {MAX_DATA_BYTES} bytes, not {len(encoded)}")
        blob = self._seal(event_id, kind.name, kind.v, personal) if personal is not None else b""
        if len(blob) > MAX_PERSONAL_BYTES:
            raise InvalidCommit(f"{kind.name}: the sealed part holds at most {MAX_PERSONAL_BYTES} bytes")
        self._n += 1
        return Envelope(
            id=event_id,
            type=kind.name,
            v=kind.v,
            time=format_time(self._clock.now()),
            customer=self._origin.customer,
            subject=self._origin.subject,
            writer=self._origin.writer,
            n=self._n,
            epoch=self._epoch,
            actor=actor,
            source=self._origin.source,
            livemode=self._origin.livemode,
            correlationid=self._origin.correlationid,
            causationid=causationid,
            traceparent=current_traceparent() if traceparent is None else traceparent,
            keyid=self._origin.keyid if blob else KeyId(""),
            data=msgspec.Raw(encoded),
            personal=blob,
        )

    def _seal(self, id: EventId, type: str, v: int, personal: Personal) -> bytes:
        if self._key is None:
            raise ValueError(f"{type}: a personal part needs a key")
        binding = associated_data(id=id, type=type, v=v, customer=self._origin.customer, subject=self._origin.subject)
        return sealing.seal(self._key, _encode(personal), binding=binding)


def open_personal(envelope: Envelope, key: bytes) -> Personal:
    """Open and decode what is personal in an event; raises SealBroken, UnknownEvent, msgspec.ValidationError."""
    binding = associated_data(
        id=envelope.id, type=envelope.type, v=envelope.v, customer=envelope.customer, subject=envelope.subject
    )
    return decode_personal(envelope, sealing.unseal(key, envelope.personal, binding=binding))


def has_personal(envelope: Envelope) -> bool:
    """Whether the event carries a sealed part that this build can name."""
    return bool(envelope.personal) and find_type(envelope.type, envelope.v).personal is not None


def current_traceparent() -> str:
    """W3C traceparent of the current span, or empty outside a trace."""
    context = trace.get_current_span().get_span_context()
    return format_traceparent(context) if context.is_valid else ""


def format_traceparent(context: SpanContext) -> str:
    """``00-<trace>-<span>-<flags>``."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
