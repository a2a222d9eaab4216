"""The parts that serve people, wired: what the routes are given, and what runs beside them."""

import asyncio
from datetime import datetime
from typing import NamedTuple

import structlog

from chassis.access import Access
from chassis.access_tokens import TokenIssuer
from chassis.clock import Clock
from chassis.errors import NotAllowed, Unavailable
from chassis.event_log import EventLog
from chassis.guarded_http import GuardedClient
from chassis.postgres.pool import Pool
from chassis.sealing import derive_key
from chassis.settings import BadSettings
from chassis.vault import Vault
from config.adapters.accounts import Accounts
from config.adapters.attempts import Attempts
from config.adapters.logins import LoginTable
from config.adapters.oidc_states import OidcStates
from config.adapters.openid import OpenIdProvider
from config.handlers.customers import Customers
from config.handlers.people.digests import Digests
from config.handlers.people.entry import Entry
from config.handlers.people.invitations import Invitations, Offer
from config.handlers.people.joining import Joining
from config.handlers.people.logins import Logins
from config.handlers.people.membership import Membership
from config.handlers.people.oidc import OidcEntry
from config.handlers.people.passwords import Passwords
from config.handlers.people.roster import Roster
from config.handlers.people.sealed_people import SealedPeople
from config.read_models.people import invited
from config.settings import Settings
from contracts.ids import CustomerId, InvitationId

log = structlog.get_logger(__name__)

_SWEEP_EVERY_S = 3600.0


class LoginsOff(NotAllowed):
    """The deployment was given no key to sign access tokens with."""

    code, title = "logins_off", "Members cannot log in to this deployment"


class PeopleParts(NamedTuple):
    """All that routes about people need."""

    roster: Roster
    sealed: SealedPeople
    customers: Customers
    joining: Joining
    invitations: Invitations
    membership: Membership
    entry: Entry
    oidc: OidcEntry
    logins: Logins
    attempts: Attempts
    trusted_proxies: int
    on: bool


def people_parts(
    settings: Settings,
    *,
    passwords: Passwords,
    log: EventLog,
    pool: Pool,
    vault: Vault,
    access: Access,
    client: GuardedClient,
    clock: Clock,
    source: str,
) -> PeopleParts:
    """The parts over what is open already; raises BadSettings."""
    pepper = settings.key_pepper.encode()
    digests, accounts = Digests(pepper), Accounts(pool)
    roster, people = Roster(log=log, clock=clock, source=source), SealedPeople(vault)
    attempts = Attempts(
        pool,
        key=derive_key(pepper, "attempts"),
        per_address=settings.attempts_per_address,
        per_caller=settings.attempts_per_caller,
    )
    customers = Customers(log=log, clock=clock, source=source)
    logins = Logins(
        table=LoginTable(pool),
        log=log,
        access=access,
        issuer=_issuer(settings),
        digests=digests,
        clock=clock,
        source=source,
    )
    joining = Joining(
        roster=roster,
        customers=customers,
        accounts=accounts,
        passwords=passwords,
        people=people,
        logins=logins,
        digests=digests,
        access=access,
        clock=clock,
        max_sessions=settings.registered_max_sessions if settings.registration == "open" else None,
    )

    async def offer_to(address: str, now: datetime) -> Offer | None:
        row = await invited(pool, address, now)
        return Offer(CustomerId(row.customer), InvitationId(row.id)) if row else None

    return PeopleParts(
        roster=roster,
        sealed=people,
        customers=customers,
        joining=joining,
        invitations=Invitations(roster=roster, people=people, digests=digests, clock=clock),
        membership=Membership(
            roster=roster, people=people, accounts=accounts, passwords=passwords, logins=logins, attempts=attempts
        ),
        entry=Entry(
            roster=roster,
            accounts=accounts,
            attempts=attempts,
            passwords=passwords,
            logins=logins,
            digests=digests,
        ),
        oidc=OidcEntry(
            provider=_provider(settings, client),
            states=OidcStates(pool),
            key=pepper,
            accounts=accounts,
            roster=roster,
            joining=joining,
            logins=logins,
            digests=digests,
            offer_to=offer_to,
            clock=clock,
        ),
        logins=logins,
        attempts=attempts,
        trusted_proxies=settings.trusted_proxies,
        on=bool(settings.login_signing_key),
    )


async def sweep(pool: Pool, attempts: Attempts) -> None:
    """Forget logins, attempts and states that are over, every hour, for ever."""
    while True:
        try:
            for forget_old in (LoginTable(pool).forget_old, attempts.forget_old, OidcStates(pool).forget_old):
                await forget_old()
        except Unavailable:
            log.warning("people_not_swept")
        await asyncio.sleep(_SWEEP_EVERY_S)


def _issuer(settings: Settings) -> TokenIssuer:
    """What signs; without a key of the setting one that no service knows, so that nothing it signs opens anything."""
    key = settings.login_signing_key or derive_key(settings.key_pepper.encode(), "no login key").hex()
    try:
        return TokenIssuer(bytes.fromhex(key))
    except ValueError:
        raise BadSettings("BATON_LOGIN_SIGNING_KEY: 64 hexadecimal digits are expected") from None


def _provider(settings: Settings, client: GuardedClient) -> OpenIdProvider | None:
    if not settings.oidc_issuer:
        return None
    if not (settings.oidc_client_id and settings.oidc_redirect_url):
        raise BadSettings("BATON_OIDC_ISSUER needs BATON_OIDC_CLIENT_ID and BATON_OIDC_REDIRECT_URL")
    return OpenIdProvider(
        client=client,
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        redirect_url=settings.oidc_redirect_url,
    )
