"""The run: one event going through one version of one flow. It travels in its message; no service keeps it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.message import Count, Message, Moment, Name


class StepError(Message):
    """Why a step failed for good, for a flow that goes on in spite of it."""

    code: ErrorCode
    cause: str = Field(description="one sentence for a person; never holds a secret")
    attempts: Count = 1


class NeedAnswers(Message):
    """What a tool was told of the state that it asked for, as JSON, in the order of its questions."""

    step: str = Field(description="path of its step, with the round of each `for_each` around it, as in `Run.at`")
    answers: list[Any] | None = Field(
        default=None, description="null in it: a pause that is over; absent: with those before, over 8 KB"
    )


class Run(Message):
    """Where an event is in a flow, with everything needed to go on."""

    id: Name = Field(description="blake2b-128 of flow version and event: the same on every replay")
    flow: Name
    version: Name = Field(description="content hash of the flow: a run ends on the version it began on")
    event: Event
    key: str = Field(description="the entity whose order this run keeps")
    at: str = Field(
        default="",
        description="path of the step to do, or that waits for its answer; empty: the first. In the fourth round of"
        " the `for_each` at `2`, its first step is `2[3].do.0`",
    )
    outputs: dict[str, Any] = Field(default_factory=dict, description="output of each step that ran, by step id")
    errors: dict[str, StepError] = Field(default_factory=dict, description="steps that failed and were passed over")
    loops: dict[str, list[Any]] = Field(
        default_factory=dict, description="items of each `for_each` that the run is inside of, by its path"
    )
    done: Count = Field(default=0, description="calls that were done so far, or may have been")
    keys_declared: bool | None = Field(
        default=None,
        description="whether a call counts on Idempotency-Key only where its connection declares it; absent, of runs of"
        " 0.2.0 and before: every POST and PATCH of `http.request` does",
    )
    need_answers: tuple[NeedAnswers, ...] | None = Field(
        default=None, description="of each tool with state that ran, in their order: at most 8 KB in all"
    )


class Answer(Message):
    """What an action gave back, on its way to the run that asked: outputs, or the error when it failed for good."""

    effect_id: str
    step: str
    outputs: dict[str, Any] = Field(default_factory=dict)
    error: StepError | None = None

    @property
    def done(self) -> bool:
        """Whether the call was done, or may have been."""
        return self.error is None or self.error.code.effect_possible


class EndedBy(StrEnum):
    """What ended a wait."""

    TIME = "time"  # it is due
    EVENT = "event"  # an event that `cancel_on` names came first
    HAND = "hand"  # a person: the run ends


class Wake(Message):
    """The end of a wait, on its way to the run that waits. Of several for one `timer`, the first to be read counts."""

    timer: Name = Field(description="id of the wait: the same on every replay of the step that began it")
    due: Moment = Field(description="when the wait was to end")
    by: EndedBy = EndedBy.TIME
    why: str | None = Field(default=None, description="for a person: which event, who, what for")
    cancel: str | None = Field(
        default=None, description="what the event shares with the wait: says which of those that `cancel_on` names came"
    )
    event: Event | None = Field(
        default=None,
        description="the event that came, where the flow reads it; absent: it does not, or it is too large",
    )


class RunMessage(Message):
    """A record of the topic `runs`: go on with this run, with the answer or the end of the wait that it stands at.

    With neither the run is at its beginning: it was put here so that its own key keeps its order from there on.
    """

    run: Run
    answer: Answer | None = None
    wake: Wake | None = None


class Outcome(StrEnum):
    """How an event or a run ended. Accepted = the sum of these + in flight."""

    DELIVERED = "delivered"  # every step done
    FILTERED = "filtered"  # a `stop`, or no flow for it
    DUPLICATE = "duplicate"  # the same event again
    SUPPRESSED = "suppressed"  # a change that our own write caused
    DEAD = "dead"  # in a dead-letter topic, a person must look
    UNKNOWN = "unknown"  # a call may have been made and must not be made twice, a person must decide


class LastCall(Message):
    """The call that a run ended with."""

    effect_id: str
    step: str
    action: str
    connection: str | None = None
    attempts: Count = 0
    outputs: dict[str, Any] | None = Field(default=None, description="what it gave; absent: nothing, or over 8 KB")


class AttemptRecord(Message):
    """A record of the topic `history` beside the ends: an attempt of a call that failed. It has no `outcome`.

    At least once; whoever wants only ends passes over it by its kind.
    """

    kind: Literal["attempt"] = "attempt"
    run_id: Name
    event_id: Name
    account: Name
    subject: Name
    flow: Name
    step: str
    effect_id: str
    action: str
    connection: str | None = None
    at: Moment
    attempt: Count = Field(description="its number among those that count")
    free: bool = Field(default=False, description="it was the connection's or the step's fault, and does not count")
    code: ErrorCode
    cause: str
    next_seconds: float | None = Field(default=None, description="the wait before the next; absent: it was the last")


class HistoryRecord(Message):
    """A record of the topic `history`: the end of a run, or of an event that started none. For people and accounting.

    At least once: the same end can be recorded twice with the same `run_id`; count distinct ids.
    """

    run_id: Name = Field(description="the run, or a stable id of the event's record where no run started")
    event_id: Name
    source: Name
    account: Name
    subject: Name
    outcome: Outcome
    at: Moment
    flow: str | None = None
    step: str | None = None
    reason: str | None = None
    code: ErrorCode | None = None
    accepted: Moment | None = None
    last_call: LastCall | None = Field(default=None, description="the call that it ended with, where that was one")
    need_answers: tuple[NeedAnswers, ...] | None = Field(default=None, description="those of its run")
