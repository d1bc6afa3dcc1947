"""A destination is asked what came of a call: when not, and by whom not any more. A worker over fakes, on made time."""

from __future__ import annotations

import asyncio

import pytest

from contracts.actions import ActionRequest, Retry
from contracts.runs import Outcome
from tests.support.world import loop
from tests.support.world.destination import Asked, Says
from tests.unit.actions.test_isolation import Story, calls

CUT = Says(-1)


def doubtful() -> ActionRequest:
    """A call that must not be made twice, and whose destination can be asked."""
    one = calls(1, lanes=1)[0]
    inputs = {"method": "POST", "url": "/0", "json": {"n": 0}, "repeat": "never", "verify": {"url": "/check"}}
    return one.model_copy(update={"inputs": inputs, "retry": Retry(attempts=3, within_seconds=60)})


def checks(it: Story) -> list[float]:
    """When the destination was asked."""
    return [asked.at - it.begun for asked in it.world.destination.asked if asked.url.endswith("/check")]


def test_what_ended_as_unknown_is_a_persons_and_its_replay_ends_so_again() -> None:
    """Its flow may have gone on without it: an answer that the destination has by now is for `flows unknown verify`."""
    well = 100.0

    def says(asked: Asked, seconds: float) -> Says:
        if asked.url.endswith("/check"):
            return Says(200 if seconds > well else 500)
        return CUT

    async def story() -> None:
        it = Story(says)
        one = await it.world.start()
        it.world.put([doubtful()])
        await it.world.until(lambda: it.world.outcomes() == {"r0": Outcome.UNKNOWN}, well)
        asked = len(checks(it))
        await asyncio.sleep(well)
        it.world.put([doubtful()])
        await it.world.until(lambda: len(it.world.ends()) == 2)
        await one.end()
        assert [end.outcome for end in it.world.ends()] == [Outcome.UNKNOWN, Outcome.UNKNOWN]
        assert len(checks(it)) == asked
        assert len(it.world.unknowns.open) == 1

    loop.run(story)


def test_a_retry_after_to_the_question_is_kept_to() -> None:
    """Though it ends after the time in which the call may still arrive: nobody is bothered for being early."""

    def says(asked: Asked, seconds: float) -> Says:
        if asked.url.endswith("/check"):
            return Says(200) if seconds > 90 else Says(429, headers={"retry-after": "90"})
        return CUT

    async def story() -> None:
        it = Story(says)
        one = await it.world.start()
        it.world.put([doubtful()])
        await it.world.until(lambda: it.ended(0, 1) == 1, 120)
        await one.end()
        assert it.world.outcomes() == {"r0": Outcome.DELIVERED}
        first, second = checks(it)
        assert 90 <= second - first < 92

    loop.run(story)


@pytest.mark.parametrize(("told", "outcome"), [(90, Outcome.DELIVERED), (4_000, Outcome.UNKNOWN)])
def test_a_retry_after_to_the_call_is_kept_to_by_the_question(told: int, outcome: Outcome) -> None:
    """It is not asked before that either; nor at all, where that is too long to leave it open."""

    def says(asked: Asked, _: float) -> Says:
        return Says(200) if asked.url.endswith("/check") else Says(500, headers={"retry-after": f"{told}"})

    async def story() -> None:
        it = Story(says)
        one = await it.world.start()
        it.world.put([doubtful()])
        await it.world.until(lambda: it.ended(0, 1) == 1, 120)
        await one.end()
        assert it.world.outcomes() == {"r0": outcome}
        assert [at >= told for at in checks(it)] == [True] * (outcome is Outcome.DELIVERED)

    loop.run(story)
