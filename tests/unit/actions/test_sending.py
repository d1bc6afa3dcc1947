"""Before a request leaves: a permission that has grown old, because the process was paused, is asked for again."""

from __future__ import annotations

from typing import Any, cast

import pytest

from contracts import topics
from services.actions.attempt.plan import Planner
from services.actions.attempt.sending import STALE_SECONDS, Known, UnderWay
from services.actions.attempt.states import Sending, Waiting
from services.actions.journal.effects import Decision, Fenced, Go
from services.actions.registry import ACTIONS
from services.actions.world import World
from services.flows.catalogue import Guarantee
from services.runtime.kafka import ConsumedRecord
from tests.support.actions import request


class Parts:
    """A journal and limits: the limits hold the first request for so long."""

    def __init__(self, *decisions: Decision, paused: float, unheard: float = 0.0) -> None:
        self.decisions = list(decisions)
        self.paused = paused
        self.unheard = unheard
        self.now = 100.0
        self.abandoned = 0
        self.asked: list[Any] = []
        one = request(1)
        plan = Planner(ACTIONS, {}).plan(ConsumedRecord(topics.ACTIONS, "a", 0, 0, one.key, one.to_bytes(), []))
        parts, world = cast("Any", self), World(now=lambda: self.now)
        self.way = UnderWay(
            plan, Waiting(), cast("Any", None), journal=parts, limits=parts, call_seconds=5.0, world=world
        )

    async def begin(self, *given: object, **named: object) -> Decision:
        """The journal's next answer, of which nothing is heard for so long at first."""
        self.asked.append((*given, named))
        self.now += self.unheard
        self.unheard = 0.0
        return self.decisions.pop(0)

    def abandon(self, _: object) -> None:
        """As the journal."""
        self.abandoned += 1

    async def punctual(self, *_: object) -> None:
        """As the limits."""
        self.now += self.paused
        self.paused = 0.0


async def test_an_old_permission_is_asked_for_again() -> None:
    """Who asked the destination meanwhile, and heard that nothing is there, must not be overtaken."""
    parts = Parts(Go(1, 0.0), Fenced(), paused=STALE_SECONDS + 1)
    with pytest.raises(Known) as told:
        await parts.way.begin(Guarantee.AT_MOST_ONCE)
    assert isinstance(told.value.decision, Fenced)
    assert isinstance(parts.way.state, Waiting)
    assert parts.abandoned == 1


@pytest.mark.parametrize("further", [False, True])
async def test_a_permission_is_as_old_as_its_asking(*, further: bool) -> None:
    """The process may have stood still after the journal had said yes, and before it heard so; at any request."""
    parts = Parts(*[Go(1, 0.0)] * (2 if further else 1), Fenced(), paused=0.0)
    if further:
        await parts.way.begin(Guarantee.KEYED)
    before, parts.unheard = parts.way.state, STALE_SECONDS + 1
    with pytest.raises(Known):
        await parts.way.begin(Guarantee.AT_MOST_ONCE)
    assert parts.way.state is before
    assert parts.decisions == []


async def test_one_that_is_still_good_is_good() -> None:
    """Whether a pause was too long for it, or not long enough."""
    parts = Parts(Go(1, 0.0), Go(1, 0.0, maybe=True), paused=STALE_SECONDS + 1)
    await parts.way.begin(Guarantee.AT_MOST_ONCE)
    assert isinstance(parts.way.state, Sending)
    assert (parts.way.state.maybe, parts.decisions) == (True, [])
    parts = Parts(Go(1, 0.0), paused=STALE_SECONDS)
    await parts.way.begin(Guarantee.AT_MOST_ONCE)
    assert isinstance(parts.way.state, Sending)
    assert parts.abandoned == 0


async def test_what_is_too_late_is_held_though_nothing_leaves() -> None:
    """As what may be repeated: it has no effect that could be there twice."""
    parts = Parts(Go(1, 0.0, maybe=True), paused=0.0)
    late = await parts.way.too_late("too late")
    plan = parts.way.plan
    assert parts.asked == [(None, plan.effect, Guarantee.REPEATABLE, plan.record.offset, None, {"leaves": False})]
    assert (late.maybe, isinstance(parts.way.state, Sending)) == (True, True)
