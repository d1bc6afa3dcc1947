"""What follows from what the journal holds of an effect. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from contracts.errors import ErrorCode
from services.actions.journal.effects import (
    Begin,
    Decision,
    Go,
    HasFailed,
    Held,
    IsUnknown,
    Record,
    State,
    WasDone,
)
from services.flows.catalogue import Guarantee

WEAKEST = (Guarantee.AT_MOST_ONCE, Guarantee.KEYED, Guarantee.REPEATABLE)


@dataclass(frozen=True, slots=True)
class Row:
    """An effect as the journal holds it. `held_elsewhere`: by another assignment, which is alive."""

    state: State
    guarantee: Guarantee
    epoch: int
    record: Record
    attempts: int
    age_seconds: float
    held_elsewhere: bool
    answer: bytes | None = None
    code: ErrorCode | None = None
    cause: str | None = None
    maybe: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """How the row is written: held by the asker."""

    guarantee: Guarantee
    attempts: int
    state: State = State.SENT
    anew: bool = False  # the count of attempts and time begin again
    maybe: bool = False  # a request that nobody told of may have had its effect
    code: ErrorCode | None = None
    cause: str | None = None


LOST = "a worker ended during the call, and its effect may have happened. It was not repeated: look at the destination"
MAY_HAVE_HAPPENED = "a worker ended during the call, and its effect may have happened"
UNRECOGNISED = (
    "By what its connection declares, the destination does not recognise the repetition any more, so there was none: "
    "look at the destination"
)


def judge(row: Row, begin: Begin) -> tuple[Decision, Taken | None]:
    """The answer to `begin`, and how the row changes; None: it does not."""
    decision, taken = _judged(row, begin)
    if begin.leaves or taken is None or taken.state is not State.SENT:
        return decision, taken
    return decision, replace(
        taken, state=State.CLAIMED, guarantee=row.guarantee, attempts=0 if taken.anew else row.attempts
    )


def _judged(row: Row, begin: Begin) -> tuple[Decision, Taken | None]:  # noqa: PLR0911 - one return a state
    if row.state is State.DONE:
        return WasDone(row.answer), None
    code, cause = row.code or ErrorCode.BUG, row.cause or ""
    if row.state is State.UNKNOWN:
        return _unknown(row, code, cause)
    if row.state is State.FAILED:
        if row.record == begin.record:
            return HasFailed(code, cause, row.attempts, row.maybe), None
        # Another record asks for it: a person has redriven the dead letter.
        return Go(1, 0.0), Taken(begin.guarantee, 1, anew=True)
    if row.held_elsewhere:
        return Held(), None
    if row.state is State.SENT and row.epoch != begin.epoch and row.guarantee is Guarantee.AT_MOST_ONCE:
        return _unknown(row, ErrorCode.CALL_LOST, LOST)
    # Claimed; or sent by a worker that is gone, and harmless; or sent by this very assignment: then the answer to an
    # earlier asking was lost on its way, and nothing has left yet.
    if row.state is State.CLAIMED and not row.attempts and not row.maybe:  # none that counts, or had its effect
        return Go(1, 0.0), Taken(begin.guarantee, 1, anew=True)
    own = row.state is State.SENT and row.epoch == begin.epoch
    attempts = row.attempts if own else row.attempts + 1
    guarantee = min(row.guarantee, begin.guarantee, key=WEAKEST.index) if own else begin.guarantee
    lost = row.state is State.SENT and not own
    if (row.maybe or lost) and not _recognised(row, begin):
        return _unknown(row, row.code or ErrorCode.CALL_LOST, f"{cause or MAY_HAVE_HAPPENED}. {UNRECOGNISED}")
    # The age of a key is that of its first attempt, also of one that does not count; `within` is not.
    age_seconds = row.age_seconds if row.attempts else 0.0
    return Go(attempts, age_seconds, maybe=row.maybe or lost), Taken(guarantee, attempts, maybe=lost)


def _recognised(row: Row, begin: Begin) -> bool:
    """Whether the destination takes a repetition for what it is, or none does harm: as it is declared now.

    What was sent as repeatable did no harm, though the next request of the same action may.
    """
    if begin.guarantee is Guarantee.KEYED and begin.keyed_seconds is not None:
        return row.age_seconds < begin.keyed_seconds
    return begin.guarantee is not Guarantee.AT_MOST_ONCE or row.guarantee is Guarantee.REPEATABLE


def _unknown(row: Row, code: ErrorCode, cause: str) -> tuple[Decision, Taken]:
    taken = Taken(row.guarantee, row.attempts, State.UNKNOWN, code=code, cause=cause)
    return IsUnknown(code, cause, row.attempts), taken
