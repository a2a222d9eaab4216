"""The operators' own API: an application of its own, on a port of its own, to which nothing public leads.

It has other credentials than the public one (chassis.operators), and neither opens the other.
"""

import contextlib
from collections.abc import AsyncIterator, Callable

import structlog

from chassis.clock import SystemClock
from chassis.event_log import EventLog
from chassis.http.app import create_app
from chassis.http.openapi import Examples
from chassis.idempotency import Answers
from chassis.operators import BadOperators, Operators
from chassis.postgres.pool import Pool
from chassis.service import serving
from chassis.settings import BadSettings
from config.handlers.customers import Customers
from config.handlers.entities import Entities
from config.handlers.people.invitations import Invitations
from config.handlers.provider_credentials import ProviderCredentials
from config.http import audit, customers, owners, provider_defaults
from config.settings import Settings

NAME = "operators"
ROUTES = [*customers.ROUTES, *owners.ROUTES, *provider_defaults.ROUTES, *audit.ADMIN_ROUTES]
EXAMPLES: Examples = {
    "create_customer": {"request": {"name": "Acme Learning", "id": "acme", "max_sessions": 25}},
    "rename_customer": {"request": {"name": "Acme Learning Group"}},
    "cap_customer": {"request": {"max_sessions": 10, "max_monthly_nano": 2_500_000_000_000}},
    "suspend_customer": {"request": {"reason": "unpaid invoices"}},
    "save_provider_default": {"request": {"key": "sk-proj-example"}},
    "invite_owner": {"request": {"email": "ada@example.com"}},
    "issue_customer_key": {"request": {"livemode": True}},
}

log = structlog.get_logger()


@contextlib.asynccontextmanager
async def open_admin(
    settings: Settings,
    *,
    event_log: EventLog,
    pool: Pool,
    entities: Entities,
    invitations: Invitations,
    credentials: ProviderCredentials,
    answers: Answers,
    ready: Callable[[], bool],
    source: str,
) -> AsyncIterator[None]:
    """Serve it while the context is open, where the settings name a port. Raises BadSettings, OSError."""
    if settings.admin_port is None:
        yield
        return
    try:
        operators = Operators(settings.operators, pepper=settings.key_pepper.encode())
    except BadOperators as bad:
        raise BadSettings(f"BATON_OPERATORS: {bad}") from None
    app = create_app(
        name=NAME,
        routes=ROUTES,
        examples=EXAMPLES,
        dependencies={
            "customers": Customers(log=event_log, clock=SystemClock(), source=source),
            "entities": entities,
            "invitations": invitations,
            "credentials": credentials,
            "pool": pool,
        },
        access=operators,
        answers=answers,
        ready=ready,
    )
    async with serving(app, host=settings.host, port=settings.admin_port) as bound:
        log.info("admin_api_started", port=bound)
        yield
