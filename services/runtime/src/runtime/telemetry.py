"""Telemetry of a process that runs LiveKit's SDK: its logs and spans know what people said, and must not tell.

Its warnings carry transcripts in extra fields, and its spans carry them as attributes unless told otherwise.
"""

import logging as standard_logging

from livekit.agents import telemetry as sdk_telemetry

from chassis.telemetry import logging, tracing
from runtime.settings import Settings

SERVICE = "runtime"


def configure(settings: Settings) -> None:
    """Logging and tracing of this process; call once per process, also in job processes."""
    logging.configure(service=SERVICE, json_lines=settings.log_json, file=settings.log_file)
    hush()
    tracing.configure(service=SERVICE, otlp_endpoint=settings.otlp_endpoint)
    sdk_telemetry.set_tracer_provider(
        tracing.configure(service=SERVICE, otlp_endpoint=settings.otlp_endpoint), allow_pii=False
    )


def hush() -> None:
    """Of the SDK's log only warnings, and without the SDK's extra fields, which our formatter leaves out."""
    for name in ("livekit", "livekit.agents", "livekit.plugins"):
        standard_logging.getLogger(name).setLevel(standard_logging.WARNING)
