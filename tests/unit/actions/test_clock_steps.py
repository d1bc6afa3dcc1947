"""The machine's clock is set, forward or back by hours, while a worker is at work over fakes, on made time."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from contracts.runs import Outcome
from services.actions.connections.parts import OAuth2
from services.actions.connections.token_credentials import TokenCredentials
from tests.support.world import loop
from tests.support.world.destination import Asked, Says
from tests.unit.actions.test_isolation import Authority, NoStore, Story, calls

HOURS = 3_600.0
STEPS = [-3 * HOURS, 3 * HOURS]


class Clock:
    """The wall's: made time, and what it was set by."""

    def __init__(self, it: Story) -> None:
        self._now = it.world.world.now
        self.by = 0.0
        it.world.world = replace(it.world.world, wall=self)

    def __call__(self) -> float:
        """Seconds since 1970."""
        return self._now() + self.by


@pytest.mark.parametrize("by", STEPS)
def test_a_clock_that_is_set_moves_no_wait(by: float) -> None:
    """Retry-After is kept to, the waits between attempts stay as they are, and nobody waits for hours."""

    def ill(asked: Asked, seconds: float) -> Says | None:
        if asked.body["n"] == 0 and seconds < 29:
            return Says(429, headers={"retry-after": "30"})
        return Says(500) if asked.body["n"] == 1 and seconds < 1 else None

    async def story() -> None:
        it = Story(ill)
        clock = Clock(it)
        one = await it.world.start()
        it.world.put(calls(2, lanes=2))
        await asyncio.sleep(0.5)
        clock.by = by
        it.world.put(calls(100, lanes=50, first=100))
        await it.world.until(lambda: it.ended(100, 100) == 100, 10)
        await it.world.until(lambda: it.ended(0, 2) == 2, 60)
        await one.end()
        assert set(it.world.outcomes().values()) == {Outcome.DELIVERED}
        first, second = (asked.at for asked in it.world.destination.asked if asked.body["n"] == 0)
        assert 30 <= second - first < 40

    loop.run(story)


@pytest.mark.parametrize("by", STEPS)
def test_a_token_that_is_revoked_after_the_clock_was_set_is_renewed(by: float) -> None:
    """As at any other time: within a second or two."""

    async def story() -> None:
        authority = Authority(lambda number, age: number > 0 or age < 10)
        it = Story(authority.answer)
        clock = Clock(it)
        oauth2 = OAuth2("http://crm.example/token", "me", "secret")
        store = NoStore("postgresql://none", oauth2)
        credentials = TokenCredentials(oauth2, it.world.destination, store, it.world.world)
        it.world.connections["crm"] = replace(it.world.connections["crm"], credentials=credentials)
        one = await it.world.start()
        it.world.put(calls(10, lanes=10))
        await asyncio.sleep(5.0)
        clock.by = by
        await asyncio.sleep(10.0)
        it.world.put(calls(10, lanes=10, first=10))
        await it.world.until(lambda: it.ended(0, 20) == 20, 60)
        await one.end()
        assert Counter(it.world.outcomes().values()) == {Outcome.DELIVERED: 20}

    loop.run(story)


@pytest.mark.parametrize("by", STEPS)
def test_a_deadline_goes_by_the_clock_that_is_set(by: float) -> None:
    """It is a moment: set forward it is over, set back it is yet to come; no other call ends for that."""

    async def story() -> None:
        it = Story(lambda _, seconds: Says(503) if seconds < 100 else None)
        clock = Clock(it)
        one = await it.world.start()
        moment = datetime.fromtimestamp(clock(), UTC) + timedelta(seconds=60 if by < 0 else HOURS)
        timed = [call.model_copy(update={"deadline": moment}) for call in calls(20, lanes=20)]
        it.world.put([*timed, *calls(20, lanes=20, first=100)])
        await asyncio.sleep(5.0)
        clock.by = by
        if by > 0:
            await it.world.until(lambda: it.ended(0, 20) == 20, 15)
        else:
            await asyncio.sleep(70.0)
            assert it.ended(0, 20) == 0
        await it.world.until(lambda: it.ended(0, 20) + it.ended(100, 20) == 40, 300)
        await one.end()
        outcomes = it.world.outcomes()
        wanted = Outcome.FILTERED if by > 0 else Outcome.DELIVERED
        assert {outcomes[f"r{number}"] for number in range(20)} == {wanted}
        assert {outcomes[f"r{number}"] for number in range(100, 120)} == {Outcome.DELIVERED}

    loop.run(story)
