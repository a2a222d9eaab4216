"""`baton admin`: what operators do with the customers of a deployment."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from baton.demo.api import Api, ApiRefused
from baton.operating import TOKEN, URL, Place, every, operate, place_of
from baton.ready import environment_of
from baton.terminal import data_option, say

Command = Callable[..., None]

_SHOWN = 70


@click.group()
def admin() -> None:
    """Operate a deployment: its customers, and what was changed by whom."""


@admin.group()
def customers() -> None:
    """Create, cap, suspend and resume customers."""


def at_place(command: Command) -> Command:
    """Options that say where the operators' API is; the command gets `place`."""

    def run(data: Path, url: str | None, token_file: Path | None, **rest: Any) -> None:
        command(place=place_of(data, url=url, token_file=token_file), **rest)

    run.__doc__ = command.__doc__
    run.__name__ = command.__name__
    taken = click.option("--url", help=f"Of the operators' API; else {URL}, else the `baton up` on the data folder.")
    file = click.option(
        "--token-file",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help=f"Holds an operator's token; else {TOKEN}, else that of the `baton up` on the data folder.",
    )
    return data_option(taken(file(run)))


@customers.command()
@click.argument("name")
@click.option("--id", "id", help="Of your choice; else Baton's.")
@click.option("--max-sessions", type=int, help="How many may be open at once.")
@click.option("--max-monthly-nano", type=int, help="What a month may cost, in nano-units.")
@click.option("--live", is_flag=True, help="The first key is a live one.")
@at_place
def create(
    place: Place, name: str, id: str | None, max_sessions: int | None, max_monthly_nano: int | None, live: bool
) -> None:
    """Create a customer; prints it with its first secret key, which is shown this once."""
    given = {"id": id, "max_sessions": max_sessions, "max_monthly_nano": max_monthly_nano}
    body = {"name": name, "livemode": live, **{field: value for field, value in given.items() if value is not None}}
    _print(operate(place, lambda api: api.post("/admin/customers", body)))


@customers.command("list")
@click.option("--suspended/--not-suspended", default=None, help="Only those that are, or are not.")
@at_place
def list_(place: Place, suspended: bool | None) -> None:
    """List customers: id, name, sessions at once, and why one is suspended."""
    query = {} if suspended is None else {"suspended": str(suspended).lower()}

    async def work(api: Api) -> list[dict[str, Any]]:
        return [one async for one in every(api, "/admin/customers", **query)]

    for one in operate(place, work):
        standing = f"suspended: {one['suspended']}" if one["suspended"] is not None else ""
        click.echo(f"{one['id']}\t{one['name']}\t{one['max_sessions']}\t{standing}".rstrip())


@customers.command()
@click.argument("customer")
@at_place
def show(place: Place, customer: str) -> None:
    """Show one customer."""
    _print(operate(place, lambda api: api.get(f"/admin/customers/{customer}")))


@customers.command()
@click.argument("customer")
@click.argument("name")
@at_place
def rename(place: Place, customer: str, name: str) -> None:
    """Rename a customer; its id stays."""

    async def work(api: Api) -> dict[str, Any]:
        _, etag = await _read(api, customer)
        return await api.put(f"/admin/customers/{customer}/name", {"name": name}, etag=etag)

    _print(operate(place, work))


@customers.command()
@click.argument("customer")
@click.option("--max-sessions", type=int, help="How many may be open at once; as it is where not given.")
@click.option("--max-monthly-nano", type=int, help="What a month may cost, in nano-units; as it is where not given.")
@click.option("--no-monthly-cap", is_flag=True, help="A month may cost anything.")
@at_place
def cap(
    place: Place, customer: str, max_sessions: int | None, max_monthly_nano: int | None, no_monthly_cap: bool
) -> None:
    """Set a customer's caps; they act on the next start and end nothing that is live."""
    if no_monthly_cap and max_monthly_nano is not None:
        raise click.UsageError("give --max-monthly-nano or --no-monthly-cap, not both")

    async def work(api: Api) -> dict[str, Any]:
        known, etag = await _read(api, customer)
        monthly = known["max_monthly_nano"] if max_monthly_nano is None else max_monthly_nano
        caps = {
            "max_sessions": known["max_sessions"] if max_sessions is None else max_sessions,
            "max_monthly_nano": None if no_monthly_cap else monthly,
        }
        return await api.put(f"/admin/customers/{customer}/caps", caps, etag=etag)

    _print(operate(place, work))


@customers.command()
@click.argument("customer")
@click.option("--reason", required=True, help="In a word of yours; the customer's audit shows it.")
@at_place
def suspend(place: Place, customer: str, reason: str) -> None:
    """Suspend a customer: its keys open nothing, and its live sessions end."""
    _print(operate(place, lambda api: api.post(f"/admin/customers/{customer}/suspend", {"reason": reason})))


@customers.command()
@click.argument("customer")
@at_place
def resume(place: Place, customer: str) -> None:
    """End a suspension."""
    _print(operate(place, lambda api: api.post(f"/admin/customers/{customer}/resume", {})))


@customers.command("invite-owner")
@click.argument("customer")
@click.argument("email")
@at_place
def invite_owner(place: Place, customer: str, email: str) -> None:
    """Invite an owner of a customer; prints the token that accepts, which is shown this once and mailed by nobody."""
    _print(operate(place, lambda api: api.post(f"/admin/customers/{customer}/owners", {"email": email})))


@customers.command()
@click.argument("customer")
@click.option("--live", is_flag=True, help="A live key.")
@at_place
def key(place: Place, customer: str, live: bool) -> None:
    """Issue a secret key to a customer that has none left; it is shown this once."""
    _print(operate(place, lambda api: api.post(f"/admin/customers/{customer}/keys", {"livemode": live})))


@admin.group()
def providers() -> None:
    """Keep the deployment's own keys at providers, for customers who have none there."""


@providers.command("list")
@at_place
def list_providers(place: Place) -> None:
    """List providers at which a key is kept; elsewhere the runtime's environment has it."""
    for one in operate(place, lambda api: api.get("/admin/provider-defaults"))["data"]:
        click.echo(f"{one['provider']}\t{one['hint']}\t{one['base_url']}".rstrip())


@providers.command("set")
@click.argument("provider")
@click.option("--key-file", required=True, type=click.File(), help="Holds the key; - is standard input.")
@click.option("--base-url", default="", help="Where the key is used, other than at the provider's own address.")
@at_place
def set_provider(place: Place, provider: str, key_file: Any, base_url: str) -> None:
    """Test a key at a provider, and use it from the next start on."""
    body = {"key": key_file.read().strip(), "base_url": base_url}

    async def work(api: Api) -> dict[str, Any]:
        return await api.put(f"/admin/provider-defaults/{provider}", body, etag=await _any(api, provider))

    _print(operate(place, work))


@providers.command("remove")
@click.argument("provider")
@at_place
def remove_provider(place: Place, provider: str) -> None:
    """Forget a key."""
    operate(place, lambda api: api.delete(f"/admin/provider-defaults/{provider}"))


@admin.command()
@click.option("--customer")
@click.option("--actor", help="An API key's, a member's or an operator's id.")
@click.option("--kind", help="Of what, such as agent or customer.")
@click.option("--since", help="RFC 3339.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@at_place
def audit(place: Place, limit: int, **filters: str | None) -> None:
    """Show what was changed, newest first: when, by whom, of which customer, and what."""
    query = {name: value for name, value in filters.items() if value is not None}
    page = operate(place, lambda api: api.get("/admin/audit", limit=str(limit), **query))
    for one in page["data"]:
        click.echo(f"{one['at']}  {one['actor']}  {one['customer']}  {one['type']}  {one['entity']}")
        for change in one["changes"]:
            click.echo(f"    {change['pointer']}: {_short(change, 'before')} -> {_short(change, 'after')}")


@admin.command()
@click.argument("name")
@data_option
def token(name: str, data: Path) -> None:
    """Make an operator's token: prints the token, and for BATON_OPERATORS what a deployment keeps of it."""
    from chassis.operators import BadOperators, new_operator_token, operator_entry

    pepper = os.environ.get("BATON_KEY_PEPPER") or environment_of(data, os.environ)["BATON_KEY_PEPPER"]
    try:
        made = new_operator_token(f"op_{name}")
    except BadOperators as bad:
        raise click.BadParameter(str(bad), param_hint="NAME") from None
    click.echo(made)
    say("add this entry to BATON_OPERATORS of config (commas between entries):")
    click.echo(operator_entry(pepper.encode(), made))


async def _read(api: Api, customer: str) -> tuple[dict[str, Any], str]:
    found, etag = await api.entity(f"/admin/customers/{customer}")
    if found is None:
        raise ApiRefused(f"not_found: there is no customer {customer}")
    return found, etag


async def _any(api: Api, provider: str) -> str:
    """`*` where a key is kept, to say that it may be replaced."""
    kept = (await api.get("/admin/provider-defaults"))["data"]
    return "*" if any(one["provider"] == provider for one in kept) else ""


def _short(change: dict[str, Any], side: str) -> str:
    text = json.dumps(change[side], ensure_ascii=False) if side in change else "(nothing)"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _print(answer: object) -> None:
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
