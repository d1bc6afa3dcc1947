"""Before a request leaves: a permission that has grown old, because the process was paused, is asked for again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from contracts import topics
from services.actions.delivery import known
from services.actions.delivery.job import Planner
from services.actions.delivery.prefix import Prefix
from services.actions.journal.effects import Decision, Fenced, Go
from services.actions.registry import ACTIONS
from services.flows.catalogue import Guarantee
from services.runtime.kafka import ConsumedRecord
from tests.support.actions import request


class World:
    """A journal and gates: the gates hold the first request for so long."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *decisions: Decision, paused: float) -> None:
        self.decisions = list(decisions)
        self.paused = paused
        self.now = 100.0
        self.abandoned = 0
        monkeypatch.setattr(known, "time", SimpleNamespace(monotonic=lambda: self.now))
        one = request(1)
        self.job = Planner(ACTIONS, {}).job(
            ConsumedRecord(topics.ACTIONS, "a", 0, 0, one.key, one.to_bytes(), []), Prefix()
        )
        self.before = known.before(cast("Any", self), cast("Any", self), self.job)

    async def begin(self, *_: object) -> Decision:
        """The journal's next answer."""
        return self.decisions.pop(0)

    def abandon(self, _: object) -> None:
        """As the journal."""
        self.abandoned += 1

    async def punctual(self, *_: object) -> None:
        """As the gates."""
        self.now += self.paused
        self.paused = 0.0


async def test_an_old_permission_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asked the destination meanwhile, and heard that nothing is there, must not be overtaken."""
    world = World(monkeypatch, Go(1, 0.0), Fenced(), paused=known.STALE_SECONDS + 1)
    with pytest.raises(known.Known) as told:
        await world.before(Guarantee.AT_MOST_ONCE)
    assert isinstance(told.value.decision, Fenced)
    assert (world.job.open, world.abandoned) == (False, 1)


async def test_one_that_is_still_good_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a pause was too long for it, or not long enough."""
    world = World(monkeypatch, Go(1, 0.0), Go(1, 0.0, maybe=True), paused=known.STALE_SECONDS + 1)
    await world.before(Guarantee.AT_MOST_ONCE)
    assert (world.job.open, world.job.maybe, world.decisions) == (True, True, [])
    world = World(monkeypatch, Go(1, 0.0), paused=known.STALE_SECONDS - 1)
    await world.before(Guarantee.AT_MOST_ONCE)
    assert (world.job.open, world.abandoned) == (True, 0)
