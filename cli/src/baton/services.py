"""The five services by name, loaded only where they are needed: the split topology's parent loads none it can spare."""

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from chassis.settings import load

NAMES = ("config", "gateway", "runtime", "panel-bridge", "ledger")
"""In the order in which they open."""

WITH_SCHEMA = ("config", "gateway", "panel-bridge", "ledger")
"""Those that declare logs or have tables; the runtime has neither, and takes long to load."""

WITH_PROJECTIONS = ("config", "gateway", "panel-bridge", "ledger")


def package_of(name: str) -> str:
    """The Python package, and the schema in PostgreSQL, of a service."""
    return name.replace("-", "_")


def bootstrap_of(name: str) -> ModuleType:
    """The service's `bootstrap` module."""
    return import_module(f"{package_of(name)}.bootstrap")


def settings_of(name: str, environment: Mapping[str, str]) -> Any:
    """The service's settings from the environment; raises BadSettings."""
    return load(import_module(f"{package_of(name)}.settings").Settings, environment)


async def migrate_all(environment: Mapping[str, str]) -> None:
    """Declare the logs and bring every schema up to date; safe to repeat."""
    for name in WITH_SCHEMA:
        await bootstrap_of(name).migrate(settings_of(name, environment))
