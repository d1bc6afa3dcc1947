"""A call past its deadline is not made; what may have been made already is no call that was not made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from contracts import topics
from contracts.actions import ActionRequest
from contracts.errors import ErrorCode
from services.actions.attempt import deadline
from services.actions.attempt.plan import Planner
from services.actions.attempt.sending import UnderWay
from services.actions.attempt.states import Waiting
from services.actions.journal.journal import Journal
from services.actions.outcome import Failed
from services.actions.registry import ACTIONS
from services.actions.world import REAL
from services.flows.catalogue import Guarantee
from services.runtime.kafka import ConsumedRecord
from tests.support.actions import request
from tests.support.world.tables import FakeEffects

MOMENT = datetime(2026, 3, 2, 10, tzinfo=UTC)
BEFORE, AFTER = MOMENT - timedelta(seconds=1), MOMENT + timedelta(seconds=1)


def due() -> ActionRequest:
    """A call that is to be made before a moment."""
    return request(1, deadline=MOMENT)


@pytest.mark.parametrize("maybe", [False, True])
def test_a_call_in_time_or_without_a_deadline_is_made(maybe: bool) -> None:  # noqa: FBT001 - parametrized
    """A row of before deadlines goes on under its own rule."""
    assert deadline.end(due(), BEFORE.timestamp(), maybe=maybe) is None
    assert deadline.end(request(1), AFTER.timestamp(), maybe=maybe) is None


@pytest.mark.parametrize("now", [MOMENT, AFTER])
def test_a_call_past_its_deadline_ends(now: datetime) -> None:
    """At its moment it is too late. Nothing was made, and it is not tried again."""
    end = deadline.end(due(), now.timestamp(), maybe=False)
    assert end == Failed(
        ErrorCode.TOO_LATE, "too late: it was to be made before 2026-03-02T10:00:00+00:00", again=False
    )
    assert deadline.never_made(end)


def test_a_call_that_may_have_been_made_is_no_call_that_was_not() -> None:
    """It ends as a failed one, and says that its effect may be there."""
    end = deadline.end(due(), AFTER.timestamp(), maybe=True)
    assert end is not None
    assert end.maybe
    assert "may have had its effect" in end.cause
    assert not deadline.never_made(end)


def test_another_failure_is_not_too_late() -> None:
    """Whatever it is."""
    for code in ErrorCode:
        assert deadline.never_made(Failed(code, "", again=False)) is (code is ErrorCode.TOO_LATE)


def test_the_clock_decides() -> None:
    """Right before the attempt."""
    deadline.check(due(), BEFORE.timestamp(), maybe=False)
    with pytest.raises(deadline.TooLateError) as late:
        deadline.check(due(), AFTER.timestamp(), maybe=False)
    assert late.value.end.code is ErrorCode.TOO_LATE


@pytest.mark.parametrize("called_before", [False, True])
async def test_a_worker_that_ended_while_it_ended_a_late_call_leaves_it_as_it_was(called_before: bool) -> None:  # noqa: FBT001 - parametrized
    """Whoever takes over says the same: not made where none was, and that it may have been where one was."""
    table, one = FakeEffects(REAL), due()
    plan = Planner(ACTIONS, {}).plan(ConsumedRecord(topics.ACTIONS, "a", 0, 0, one.key, one.to_bytes(), []))
    limits = cast("Any", _Limits())
    for number in range(3):  # the first may call; each ends before its end is told
        journal = Journal(table, f"worker {number}", lambda: None)
        tenure = journal.enter("a/0")
        way = UnderWay(plan, Waiting(), tenure, journal=journal, limits=limits, call_seconds=5.0, world=REAL)
        if called_before and number == 0:
            await way.tenure.epoch()
            await journal.begin(way.tenure, plan.effect, Guarantee.REPEATABLE, 0)
        else:
            end = await way.too_late("too late")
            assert end.maybe is called_before
            assert deadline.never_made(end) is not called_before
        await journal.close()


class _Limits:
    """That hold nothing up."""

    async def punctual(self, *_: object) -> None:
        """At once."""
