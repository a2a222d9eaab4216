"""Waiting until everything answers: what dies meanwhile, or is late, is named."""

import asyncio

import pytest

from baton.up import until_ready
from chassis.embedded.child import StartFailed
from chassis.service import Service
from chassis.tasks import Tasks

pytestmark = pytest.mark.unit


def a_service(name: str, *, ready: bool) -> Service:
    return Service(name=name, app=None, tasks=Tasks(), ready=lambda: ready)  # type: ignore[arg-type]


async def test_it_returns_once_all_are_ready() -> None:
    async with Tasks() as tasks:
        await until_ready({"config": a_service("config", ready=True)}, tasks, timeout_s=5)


async def test_a_death_is_told_at_once_and_not_when_the_time_is_over() -> None:
    async def dies() -> None:
        raise OSError("PostgreSQL is away")

    async with Tasks() as tasks:
        tasks.start(dies(), name="watch gateway")
        with pytest.raises(StartFailed, match="PostgreSQL is away"):
            await until_ready({"gateway": a_service("gateway", ready=False)}, tasks, timeout_s=3600)


async def test_who_is_late_is_named_and_nothing_is_left_running() -> None:
    services = {"config": a_service("config", ready=True), "ledger": a_service("ledger", ready=False)}
    async with Tasks() as tasks:
        with pytest.raises(StartFailed, match=r"not ready within 0\.05 s: ledger"):
            await until_ready(services, tasks, timeout_s=0.05)
    assert asyncio.all_tasks() == {asyncio.current_task()}
