"""A task has an owner: it ends with it, and its death is noticed."""

import asyncio

import pytest

from chassis.tasks import TaskDied, Tasks, stop

pytestmark = pytest.mark.unit


async def test_leaving_cancels_what_still_runs() -> None:
    async with Tasks() as tasks:
        forever = tasks.start(asyncio.Event().wait(), name="forever")
    assert forever.cancelled()


async def test_a_death_reaches_the_owner_with_its_cause() -> None:
    async def dies() -> None:
        raise ValueError("broken")

    async with Tasks() as tasks:
        tasks.start(dies(), name="dies")
        with pytest.raises(TaskDied) as caught:
            await asyncio.wait_for(tasks.wait_for_death(), 1)
    assert isinstance(caught.value.__cause__, ValueError)


async def test_a_task_that_ends_in_peace_is_no_death() -> None:
    async with Tasks() as tasks:
        await tasks.start(asyncio.sleep(0), name="short")
        waiting = asyncio.create_task(tasks.wait_for_death())
        await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_a_task_that_loses_a_cancellation_is_stopped_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.tasks._CANCEL_AGAIN_S", 0.01)
    lost = 0

    async def deaf() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                lost += 1
                if lost == 3:
                    raise

    async def breaks() -> None:
        raise ValueError("its own affair")

    tasks = [asyncio.create_task(deaf()), asyncio.create_task(breaks())]
    await asyncio.sleep(0)
    await stop(*tasks)
    assert lost == 3
    assert all(task.done() for task in tasks)
