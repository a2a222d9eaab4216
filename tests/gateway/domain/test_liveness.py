"""When a silent job is believed lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.liveness import SILENT_S, Listening

pytestmark = pytest.mark.unit


def listen(until_s: float, *, jobs: dict[str, float], deaf: tuple[float, float] = (-1, -1)) -> Listening:
    """Half-second beats from 0 on: ours (not within `deaf`), and each job's until the time it dies."""
    listening = Listening(now_s=0)
    moment = 0.0
    while moment <= until_s:
        if not deaf[0] <= moment <= deaf[1]:
            listening.echo(moment)
            for job, dies_s in jobs.items():
                if moment <= dies_s:
                    listening.hear(job, 1, moment)
        moment += 0.5
    return listening


def test_a_beating_job_is_alive() -> None:
    assert listen(10, jobs={"a": 99}).pulse("a", 1, 10) == ("alive", 0)


def test_a_job_that_is_silent_for_three_seconds_while_others_beat_is_silent() -> None:
    listening = listen(8, jobs={"a": 4, "b": 99})

    assert listening.pulse("a", 1, 6.9)[0] == "alive"
    assert listening.pulse("a", 1, 8)[0] == "silent"


def test_when_everybody_is_silent_it_says_so() -> None:
    pulse, silent_s = listen(20, jobs={"a": 4, "b": 4}).pulse("a", 1, 20)

    assert pulse == "all_silent"
    assert silent_s == 16


def test_a_watcher_that_does_not_hear_itself_knows_nothing() -> None:
    assert listen(20, jobs={"a": 4, "b": 99}, deaf=(5, 20)).pulse("a", 1, 20) == ("deaf", 0)


def test_a_gap_in_our_own_hearing_starts_every_silence_anew() -> None:
    listening = listen(22, jobs={"a": 4, "b": 99}, deaf=(5, 20))

    assert listening.pulse("a", 1, 22)[0] == "alive"


def test_a_job_that_never_beat_has_three_seconds_from_the_first_question() -> None:
    listening = listen(20, jobs={"b": 99})

    assert listening.pulse("a", 1, 20)[0] == "alive"
    for moment in (20.5, 21, 21.5, 22, 22.5, 23):
        listening.echo(moment)
        listening.hear("b", 1, moment)
    assert listening.pulse("a", 1, 23)[0] == "silent"


def test_the_beat_of_an_earlier_epoch_is_not_this_jobs() -> None:
    listening = listen(10, jobs={"a": 99, "b": 99})
    listening.pulse("a", 2, 4)

    assert listening.pulse("a", 2, 10)[0] == "silent"


@given(st.floats(min_value=0, max_value=30), st.floats(min_value=0, max_value=30))
def test_nobody_is_lost_within_three_seconds_of_its_last_beat(dies_s: float, asked_after_s: float) -> None:
    listening = listen(60, jobs={"a": dies_s, "b": 99})
    last_s = dies_s - dies_s % 0.5

    if (moment := last_s + asked_after_s) < last_s + SILENT_S:
        assert listening.pulse("a", 1, moment)[0] == "alive"
