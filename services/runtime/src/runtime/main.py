"""`baton run runtime`."""

import asyncio
import os

from chassis import service
from chassis.settings import load
from runtime import telemetry
from runtime.bootstrap import open_service
from runtime.settings import Settings


def main() -> int:
    """Run until a signal; returns the exit status."""
    settings = load(Settings, os.environ)
    telemetry.configure(settings)
    return asyncio.run(service.run(open_service(settings), host=settings.host, port=settings.port))
