"""OpenTelemetry traces: one trace from the caller's `traceparent` to the model's request.

Without an OTLP endpoint, spans are made (so that trace ids travel) and exported nowhere.
"""

import contextlib
from collections.abc import Iterator, Mapping

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_propagator = TraceContextTextMapPropagator()
# A proxy until there is a provider. Looking it up for each span would cost more than the span.
_tracer = trace.get_tracer("baton")


def make_provider(*, service: str, otlp_endpoint: str) -> TracerProvider:
    """A provider that exports to ``<otlp_endpoint>/v1/traces``, or nowhere when that is empty."""
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    if otlp_endpoint:
        exporter = OTLPSpanExporter(endpoint=f"{otlp_endpoint.rstrip('/')}/v1/traces", timeout=5)
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=500))
    return provider


def configure(*, service: str, otlp_endpoint: str) -> TracerProvider:
    """Make the process's provider; later calls in one process keep the first (OpenTelemetry allows one)."""
    current = trace.get_tracer_provider()
    if isinstance(current, TracerProvider):
        return current
    provider = make_provider(service=service, otlp_endpoint=otlp_endpoint)
    trace.set_tracer_provider(provider)
    return provider


def flush(*, timeout_ms: int) -> None:
    """Export what is still waiting; blocks for `timeout_ms` at most, so call it from a thread."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.force_flush(timeout_ms)


@contextlib.contextmanager
def continued(traceparent: str, name: str) -> Iterator[trace.Span]:
    """A span named `name` under the caller's `traceparent` (a new trace when that is empty or malformed)."""
    parent = _propagator.extract({"traceparent": traceparent}) if traceparent else otel_context.Context()
    with _tracer.start_as_current_span(name, context=parent) as span:
        yield span


def outgoing_headers(headers: Mapping[str, str] | None = None) -> dict[str, str]:
    """`headers` plus the current `traceparent`."""
    carrier = dict(headers or {})
    _propagator.inject(carrier)
    return carrier
