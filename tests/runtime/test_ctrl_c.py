"""A Ctrl-C that comes while the SDK starts a job's process is heard: whoever pressed it waits for an end."""

import inspect
import os
import signal
from types import FrameType

import pytest
from livekit.agents.ipc import supervised_proc

from runtime.worker import keep_ctrl_c

pytestmark = pytest.mark.unit


def test_the_sdk_starts_its_processes_under_the_mask_that_is_taken_off() -> None:
    """A later SDK may name it otherwise, and then nothing would be taken off any more."""
    assert "with _mask_ctrl_c():" in inspect.getsource(supervised_proc.SupervisedProc)


def test_a_ctrl_c_while_a_process_starts_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[int] = []

    def hear(number: int, _frame: FrameType | None) -> None:
        heard.append(number)

    monkeypatch.setattr(supervised_proc, "_mask_ctrl_c", supervised_proc._mask_ctrl_c)
    before = signal.signal(signal.SIGINT, hear)
    try:
        keep_ctrl_c()
        with supervised_proc._mask_ctrl_c():
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT]
