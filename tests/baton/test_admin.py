"""`baton admin` against a running operators' API: what it does, prints, and says where it cannot."""

import asyncio
import json
from pathlib import Path

import click
import pytest
from tests.support.deployments import Deployment, a_deployment
from tests.support.provider_urls import provider_urls

from baton.commands.admin import admin
from baton.main import _is_known
from baton.operating import TOKEN, URL
from chassis.operators import Operators
from simulators import Scenario, Simulators

pytestmark = pytest.mark.integration


class Terminal:
    """Runs commands below `baton admin`, and keeps what they print: this process has logs of its own to write."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._printed: list[tuple[str, bool]] = []
        monkeypatch.setattr(click, "echo", lambda line="", err=False: self._printed.append((str(line), err)))

    def run(self, *arguments: str) -> str:
        """What the command printed on standard output; raises what it raises."""
        self._printed.clear()
        admin.main(list(arguments), standalone_mode=False)
        return "".join(f"{line}\n" for line, err in self._printed if not err)

    async def done(self, *arguments: str) -> str:
        return await asyncio.to_thread(self.run, *arguments)

    async def refused(self, *arguments: str) -> str:
        """The one line that says why not: an error that `baton` knows."""
        with pytest.raises(Exception) as caught:  # noqa: PT011 (which ones are known is asked next)
            await self.done(*arguments)
        assert isinstance(caught.value, click.ClickException) or _is_known(caught.value), caught.value
        (line,) = str(caught.value).splitlines()
        return line


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(monkeypatch)


def point_at(monkeypatch: pytest.MonkeyPatch, deployment: Deployment) -> None:
    monkeypatch.setenv(URL, str(deployment.admin.base_url))
    monkeypatch.setenv(TOKEN, deployment.token)


async def test_customers_and_the_deployments_keys_are_kept_by_commands(
    nats_url: str,
    database: str,
    tmp_path: Path,
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = terminal.done
    async with (
        Simulators(scenario=Scenario()) as simulators,
        a_deployment(
            nats_url, database, provider_urls=provider_urls(simulators), development_reach_loopback=True
        ) as deployment,
    ):
        point_at(monkeypatch, deployment)
        made = json.loads(await done("customers", "create", "Acme", "--id", "acme", "--max-sessions", "3"))
        assert made["key"]["key"].startswith("sk_test_")
        await done("customers", "rename", "acme", "Acme Group")
        capped = json.loads(await done("customers", "cap", "acme", "--max-monthly-nano", "5"))
        assert (capped["max_sessions"], capped["max_monthly_nano"]) == (3, 5)
        lifted = json.loads(await done("customers", "cap", "acme", "--max-sessions", "1", "--no-monthly-cap"))
        assert (lifted["max_sessions"], lifted["max_monthly_nano"]) == (1, None)
        position = json.loads(await done("customers", "suspend", "acme", "--reason", "unpaid"))["position"]
        await deployment.admin.get("/admin/customers", params={"min_position": position})
        assert await done("customers", "list", "--suspended") == "acme\tAcme Group\t1\tsuspended: unpaid\n"
        resumed = json.loads(await done("customers", "resume", "acme"))
        assert json.loads(await done("customers", "show", "acme")) == resumed
        assert json.loads(await done("customers", "key", "acme", "--live"))["key"].startswith("sk_live_")
        await deployment.admin.get("/admin/audit", params={"min_position": resumed["position"]})
        told = await done("audit", "--customer", "acme", "--kind", "customer", "--limit", "2")
        assert "op_grace  acme  customer.suspended  acme" in told
        assert "    /suspended: true -> false" in told

        invited = json.loads(await done("customers", "invite-owner", "acme", "ada@example.com"))
        assert (invited["role"], invited["email"]) == ("owner", "ada@example.com")
        assert invited["token"]

        (file := tmp_path / "key").write_text("sk-deployment-1111\n")
        for _ in range(2):
            saved = json.loads(await done("providers", "set", "openai", "--key-file", str(file)))
            assert (saved["provider"], saved["hint"]) == ("openai", "…1111")
        assert await done("providers", "list") == "openai\t…1111\n"
        assert await done("providers", "remove", "openai") == ""
        assert await done("providers", "list") == ""


async def test_what_cannot_be_done_is_one_line(
    nats_url: str, database: str, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = terminal.refused
    async with a_deployment(nats_url, database) as deployment:
        point_at(monkeypatch, deployment)
        assert "no such customer" in await refused("customers", "show", "nobody")
        assert "there is no customer nobody" in await refused("customers", "cap", "nobody", "--max-sessions", "1")
        assert "/max_sessions" in await refused("customers", "create", "x", "--max-sessions", "-1")
        both = await refused("customers", "cap", "acme", "--max-monthly-nano", "1", "--no-monthly-cap")
        assert "not both" in both
        assert "reason" in await refused("customers", "suspend", "acme")
        monkeypatch.setenv(TOKEN, deployment.key)
        assert "not_authenticated" in await refused("customers", "list")
        monkeypatch.delenv(TOKEN)
        assert TOKEN in await refused("customers", "list")
    monkeypatch.setenv(TOKEN, deployment.token)
    assert "does not answer" in await refused("customers", "list")
    monkeypatch.delenv(URL)
    assert "baton up" in await refused("customers", "list", "--data", "/nowhere")


async def test_a_token_is_made_with_what_a_deployment_keeps_of_it(
    tmp_path: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "baton up" in await terminal.refused("token", "grace", "--data", str(tmp_path))
    monkeypatch.setenv("BATON_KEY_PEPPER", "pepper")
    token, entry = (await terminal.done("token", "grace", "--data", str(tmp_path))).splitlines()
    assert Operators(entry, pepper=b"pepper").authenticate(token).actor == "op_grace"
    assert "op_" in await terminal.refused("token", "Grace H")
