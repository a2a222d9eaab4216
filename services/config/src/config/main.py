"""`baton run config`."""

import asyncio
import os

from chassis import service
from chassis.settings import load
from chassis.telemetry import logging, tracing
from config.bootstrap import open_service
from config.settings import Settings


def main() -> int:
    """Run until a signal; returns the exit status."""
    settings = load(Settings, os.environ)
    logging.configure(service="config", json_lines=settings.log_json)
    tracing.configure(service="config", otlp_endpoint=settings.otlp_endpoint)
    return asyncio.run(service.run(open_service(settings), host=settings.host, port=settings.port))
