"""What each worker finds out by itself, of its own lanes: how fast to call a destination, and which step is ill."""

from __future__ import annotations

import pytest

from services.actions.connections.parts import ConnectionLimits
from services.actions.limits.evidence import Word
from services.actions.limits.gate import MOST_TRIAL_SECONDS, TRIAL_SECONDS, Gate

TICK_SECONDS = 0.01
TRIED_SECONDS, MEASURED_SECONDS = 60, 60
BORNE = 30  # calls a second


class Clock:
    """One of all workers."""

    now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def gates(clock: Clock, count: int) -> list[Gate]:
    """Those of one connection in so many workers, which tell each other nothing here."""
    return [Gate(ConnectionLimits(), 64, lambda: None, lambda _: None, clock) for _ in range(count)]


@pytest.mark.parametrize("workers", [1, 3, 8])
def test_together_they_find_what_a_destination_bears(workers: int) -> None:
    """Each is told *busy* by its own part, as connections share a line by TCP: few are refused, and much is used."""
    clock = Clock()
    all_of_them = gates(clock, workers)
    taken: dict[int, int] = {}
    said = {Word.WELL: 0, Word.BUSY: 0}
    lane = 0
    while clock.now < TRIED_SECONDS + MEASURED_SECONDS:
        for number, gate in enumerate(all_of_them):
            if gate.take() > 0:
                continue
            second, lane = int(clock.now), lane + 1
            taken[second] = taken.get(second, 0) + 1
            word = Word.WELL if taken[second] <= BORNE else Word.BUSY
            gate.release()
            gate.told((number, lane), "step", word)
            said[word] += clock.now >= TRIED_SECONDS
        clock.now += TICK_SECONDS
    assert said[Word.WELL] >= 0.6 * BORNE * MEASURED_SECONDS
    assert said[Word.BUSY] <= 0.25 * sum(said.values())


def test_an_ill_step_is_held_by_each_that_calls_it_and_a_trial_of_each_finds_it_well() -> None:
    """Who has few lanes in it holds it later, or not: its calls cost it no attempt either way."""
    clock = Clock()
    all_of_them = gates(clock, 3)
    for number, gate in enumerate(all_of_them):
        charged = []
        for lane in range(5):
            clock.now += 0.1
            gate.told((number, "other"), "well", Word.WELL)
            charged.append(gate.told((number, lane), "ill", Word.DENIED))
        assert charged[2:] == [False] * 3
        assert 0 < gate.rests("ill") <= TRIAL_SECONDS
        assert not gate.opened
    clock.now += MOST_TRIAL_SECONDS
    for number, gate in enumerate(all_of_them):
        assert gate.rests("ill") == 0
        gate.tries("ill")
        assert gate.rests("ill") > 0  # one at a time
        gate.told((number, 9), "ill", Word.WELL)
        assert gate.rests("ill") == 0
