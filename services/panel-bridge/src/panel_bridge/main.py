"""`baton run panel-bridge`."""

import asyncio
import os

from chassis import service
from chassis.settings import load
from chassis.telemetry import logging, tracing
from panel_bridge.bootstrap import open_service
from panel_bridge.settings import Settings


def main() -> int:
    """Run until a signal; returns the exit status."""
    settings = load(Settings, os.environ)
    logging.configure(service="panel-bridge", json_lines=settings.log_json)
    tracing.configure(service="panel-bridge", otlp_endpoint=settings.otlp_endpoint)
    return asyncio.run(service.run(open_service(settings), host=settings.host, port=settings.port))
