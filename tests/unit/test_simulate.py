"""Some seeds of the simulation (tests/simulate), each time the same: `make simulate` plays ten thousand."""

from __future__ import annotations

import pytest

from tests.simulate.judge import judge
from tests.simulate.planted import FAULTS, find, planted
from tests.simulate.scenario import scenario
from tests.simulate.story import play

SEEDS, AT_ONCE = 40, 10


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_nothing_is_lost_doubled_or_stuck(first: int) -> None:
    """What it prints is the command that plays the seed again, line by line."""
    found = {
        f"python -m tests.simulate --seed {seed} --trace": faults
        for seed in range(first, first + AT_ONCE)
        if (faults := list(map(str, judge(play(scenario(seed))))))
    }
    assert not found


@pytest.mark.parametrize("seed", [993, 1551])
def test_what_a_seed_found_once_stays_mended(seed: int) -> None:
    """In PostgreSQL, whose answers are lost.

    993: what came from a shelf that was empty by then was taken out of it again each second, once late.
    1551: an attempt was taken back as often as that was written.
    """
    assert list(map(str, judge(play(scenario(seed))))) == []


def test_a_seed_is_one_story() -> None:
    """The same each time, to the last line."""
    first, again = (play(scenario(4)) for _ in range(2))
    assert first.trace == again.trace
    assert len(first.trace) > 500
    assert first.hash != play(scenario(5)).hash


def test_each_old_fault_can_still_be_put_back() -> None:
    """Each changes the real code by its text: one that is not there any more would be found by nobody."""
    for fault in FAULTS:
        with planted(fault):
            pass


@pytest.mark.parametrize(
    "name", ["waiting for an ill connection uses up attempts", "what comes for a parked lane does not wait behind it"]
)
def test_an_old_fault_is_found(name: str) -> None:
    """All of them: `python -m tests.simulate.planted`."""
    (fault,) = [one for one in FAULTS if one.name == name]
    assert find(fault).seed is not None
