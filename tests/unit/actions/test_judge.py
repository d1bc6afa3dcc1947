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
from services.actions.journal.judge import LOST, UNRECOGNISED, Row, judge
from services.flows.catalogue import Guarantee
from services.flows.idempotency import IdempotencyKey

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


@pytest.mark.parametrize("guarantee", Guarantee)
@pytest.mark.parametrize("state", [State.SENT, State.CLAIMED])
def test_what_ends_without_a_request_is_held_as_one_that_sent_none(state: State, guarantee: Guarantee) -> None:
    """Its attempts, its guarantee and what it may have done stay; what nobody knows is unknown all the same."""
    row = replace(ROW, state=state, guarantee=guarantee)
    found, taken = judge(row, replace(BEGIN, leaves=False))
    assert taken is not None
    if state is State.SENT and guarantee is NEVER:
        assert isinstance(found, IsUnknown)
        assert taken.state is State.UNKNOWN
    else:
        assert found == Go(3, 3.0, maybe=state is State.SENT)
        assert (taken.state, taken.attempts, taken.guarantee) == (State.CLAIMED, 2, guarantee)
        assert taken.maybe is (state is State.SENT)


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


@pytest.mark.parametrize(
    ("row", "seconds", "guarantee", "again"),
    [
        (replace(ROW, age_seconds=89.0), 90.0, Guarantee.KEYED, True),
        (replace(ROW, age_seconds=90.0), 90.0, Guarantee.KEYED, False),
        (replace(ROW, age_seconds=1e9), None, Guarantee.KEYED, True),
        (replace(ROW, age_seconds=90.0), 90.0, Guarantee.REPEATABLE, True),
        # An attempt failed, and may have had its effect; the other one surely had none.
        (replace(ROW, state=State.CLAIMED, maybe=True, age_seconds=90.0), 90.0, Guarantee.KEYED, False),
        (replace(ROW, state=State.CLAIMED, age_seconds=90.0), 90.0, Guarantee.KEYED, True),
        # Its connection declares nothing any more.
        (replace(ROW, age_seconds=1.0), None, NEVER, False),
        (replace(ROW, state=State.CLAIMED, maybe=True), None, NEVER, False),
        (replace(ROW, state=State.CLAIMED), None, NEVER, True),
        (replace(ROW, state=State.CLAIMED, maybe=True, guarantee=Guarantee.REPEATABLE), None, NEVER, True),
        # Redriven by a person, who was told.
        (replace(ROW, state=State.FAILED, record=Record("a", 3), maybe=True, age_seconds=90.0), 90.0, NEVER, True),
    ],
)
def test_a_key_that_the_destination_has_forgotten_protects_no_more(
    row: Row,
    seconds: float | None,
    guarantee: Guarantee,
    again: bool,  # noqa: FBT001 - a table
) -> None:
    """Then what may have happened is not repeated; whatever failed before is the reason that a person sees."""
    row = replace(row, code=ErrorCode.CALL_TIMED_OUT, cause="no answer")
    found, taken = judge(row, replace(BEGIN, guarantee=guarantee, keyed_seconds=seconds))
    assert isinstance(found, Go if again else IsUnknown)
    if isinstance(found, IsUnknown):
        assert (found.code, found.attempts) == (ErrorCode.CALL_TIMED_OUT, 2)
        assert found.cause == f"no answer. {UNRECOGNISED}"
        assert taken is not None
        assert taken.state is State.UNKNOWN


def test_a_repetition_leaves_early_enough_to_arrive() -> None:
    """A minute before its key is forgotten, or the time of a call and half a minute; a key of less protects nothing."""
    assert IdempotencyKey(seconds=86_400).safe_seconds() == 86_340
    assert IdempotencyKey(seconds=86_400).safe_seconds(30.0) == 86_340
    assert IdempotencyKey(seconds=86_400).safe_seconds(300.0) == 86_070
    assert IdempotencyKey(seconds=60).safe_seconds() == 0
    assert IdempotencyKey(seconds=None).safe_seconds() is None


def test_an_attempt_that_does_not_count_does_not_renew_a_key() -> None:
    """In an outage all are free: what one of them may have done is known to its destination for as long as it says."""
    free = replace(ROW, state=State.CLAIMED, attempts=0, maybe=True, age_seconds=19.0)
    decision, taken = judge(free, replace(BEGIN, keyed_seconds=20.0))
    assert decision == Go(1, 0.0, maybe=True)
    assert taken is not None
    assert not taken.anew
    forgotten, _ = judge(replace(free, age_seconds=21.0), replace(BEGIN, keyed_seconds=20.0))
    assert isinstance(forgotten, IsUnknown)
    harmless, taken = judge(replace(free, maybe=False, age_seconds=21.0), replace(BEGIN, keyed_seconds=20.0))
    assert harmless == Go(1, 0.0)
    assert taken is not None
    assert taken.anew
