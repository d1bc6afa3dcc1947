"""What follows from what the journal holds of an effect: every state, whoever holds it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.errors import ErrorCode
from services.actions.journal.effects import (
    Begin,
    Decision,
    Go,
    HasFailed,
    Held,
    IsUnknown,
    Key,
    Record,
    State,
    WasDone,
)
from services.actions.journal.judge import LOST, Row, judge
from services.flows.catalogue import Guarantee

RECORD = Record("actions/0", 7)
BEGIN = Begin(Key("default", "e1"), Guarantee.KEYED, 5, RECORD)
ROW = Row(State.SENT, Guarantee.KEYED, 4, RECORD, attempts=2, age_seconds=3.0, held_elsewhere=False)
NEVER = Guarantee.AT_MOST_ONCE


@pytest.mark.parametrize(
    ("row", "decision", "state"),
    [
        (replace(ROW, state=State.DONE, answer=b"{}"), WasDone(b"{}"), None),
        (replace(ROW, state=State.DONE, held_elsewhere=True), WasDone(None), None),
        # Harmless twice: whoever sent it is gone, so it is sent again.
        (ROW, Go(3, 3.0, maybe=True), State.SENT),
        (replace(ROW, guarantee=Guarantee.REPEATABLE), Go(3, 3.0, maybe=True), State.SENT),
        # An earlier attempt told of itself that it may have had its effect.
        (replace(ROW, state=State.CLAIMED, maybe=True), Go(3, 3.0, maybe=True), State.SENT),
        # At most once: nobody knows.
        (replace(ROW, guarantee=NEVER), IsUnknown(ErrorCode.CALL_LOST, LOST, 2), State.UNKNOWN),
        # Nothing was under way: also what is to happen at most once can be sent.
        (replace(ROW, state=State.CLAIMED, guarantee=NEVER), Go(3, 3.0), State.SENT),
        # This very assignment asked before, and the answer was lost: nothing has left.
        (replace(ROW, guarantee=NEVER, epoch=5), Go(2, 3.0), State.SENT),
        # Somebody who is alive holds it.
        (replace(ROW, held_elsewhere=True), Held(), None),
        (replace(ROW, state=State.CLAIMED, held_elsewhere=True), Held(), None),
        (
            replace(ROW, state=State.UNKNOWN, code=ErrorCode.CALL_TIMED_OUT, cause="so"),
            IsUnknown(ErrorCode.CALL_TIMED_OUT, "so", 2),
            State.UNKNOWN,
        ),
        # The same record again is a replay, another one was redriven by a person.
        (
            replace(ROW, state=State.FAILED, code=ErrorCode.CALL_REJECTED, cause="no"),
            HasFailed(ErrorCode.CALL_REJECTED, "no", 2, maybe=False),
            None,
        ),
        (replace(ROW, state=State.FAILED, record=Record("actions/0", 3)), Go(1, 0.0), State.SENT),
    ],
)
def test_what_follows(row: Row, decision: Decision, state: State | None) -> None:
    """The answer to who asks, and how the row is written."""
    found, taken = judge(row, BEGIN)
    assert found == decision
    assert (None if taken is None else taken.state) == state


def test_a_redriven_effect_begins_anew() -> None:
    """Attempts and time are counted from the start."""
    _, taken = judge(replace(ROW, state=State.FAILED, record=Record("actions/0", 3)), BEGIN)
    assert taken is not None
    assert (taken.attempts, taken.anew) == (1, True)


def test_an_effect_that_was_asked_for_with_a_weaker_guarantee_keeps_it() -> None:
    """Two requests of one attempt: the one that must not be repeated decides."""
    _, taken = judge(replace(ROW, epoch=5, guarantee=Guarantee.REPEATABLE), replace(BEGIN, guarantee=NEVER))
    assert taken is not None
    assert taken.guarantee is NEVER
