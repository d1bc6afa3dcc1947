"""One run on its way through a batch: it begins or goes on, and leaves records behind. Nothing here raises."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from contracts.actions import ActionRequest
from contracts.errors import ErrorCode
from contracts.events import Event, partition_key
from contracts.message import Message
from contracts.runs import Answer, Outcome, Run, RunMessage, Wake
from contracts.topics import ACTIONS, RUNS, Topic
from services.flows.advance import advance, begin
from services.flows.compile import CompiledFlow
from services.flows.iterations import path_of
from services.flows.outcomes import Act, Ask, End, Sleep
from services.flows.steps.node import ON_DEADLINE, ON_ERROR
from services.flows.sync import Write
from services.runtime import logging
from services.runtime.kafka import ConsumedRecord, MessageTooLargeError, OutgoingRecord, check_size, history
from services.tools import metrics
from services.tools.dead_letters import dead_letter
from services.tools.timers.timer import MOST_RUN_BYTES, Timer, timer_of

log = logging.get("jobs")
KEY = "key"
"""Stands for the flow's `key` among the steps that a run came past."""


class Died(NamedTuple):
    """What a run died of, and at which step of its flow: its path, `key` or `when`."""

    step: str
    code: ErrorCode


@dataclass(slots=True)
class RunJob:
    """A run, the record that it came in, and its slot among the outputs of the batch."""

    record: ConsumedRecord
    flow: CompiledFlow
    run: Run
    outputs: list[OutgoingRecord]
    answer: Answer | None = None
    answers: tuple[Any, ...] = field(default=())
    wake: Wake | None = None
    timer: Timer | None = None
    write: tuple[ActionRequest, Write] | None = None
    died_at: Died | None = None
    passed: set[str] = field(default_factory=set)
    """The steps that it began here, by their paths; not those of which the flow caught the failure."""

    @property
    def died(self) -> bool:
        """Whether it left a dead letter."""
        return self.died_at is not None

    @property
    def done(self) -> int:
        """Calls of this run that were done, or may have been."""
        return self.run.done + (self.answer is not None and self.answer.done)

    def leaves(self) -> bool:
        """Put the run on `runs` when its key is not the event's: there the order by its own key is kept from now on."""
        event = self.run.event
        if self.run.key == event.subject:
            return False
        self.produce(RUNS, partition_key(event.account, self.run.key), RunMessage(run=self.run), None)
        return True

    def step(self) -> Ask | None:
        """Advance: the need that has to be answered before the run can go on, or None when it has left the batch."""
        try:
            if not self.run.at:
                self.passed.add(KEY)
            after = advance(
                self.flow, self.run, answer=self.answer, answers=self.answers, wake=self.wake, trace=self._traced
            )
            match after:
                case Ask():
                    return after
                case Act(request, write):
                    self.produce(ACTIONS, request.key, request, request.step)
                    if write is not None and not self.died:
                        self.write = (request, write)
                case Sleep():
                    self.sleep(after)
                case End():
                    self.end(after)
        except Exception as error:  # noqa: BLE001 - an unknown exception is a bug: visible, counted, never dropped
            self.broke(error)
        return None

    def answered(self, ask: Ask, answer: object) -> None:
        """Make ready for the next `step`: the run stands at the tool that asked, with one answer more."""
        if ask.run.at != self.run.at:
            self.wake = None  # it ended the wait of an earlier step
        self.run = ask.run
        self.answer = None  # the run has counted it
        self.answers = (*ask.answers, answer)

    def produce(self, topic: Topic, key: bytes, message: Message, step: str | None) -> None:
        """Leave a message; one that is too large is dead before it is sent."""
        value = message.to_bytes()
        try:
            check_size(topic, key, value, None)
        except MessageTooLargeError as error:
            self.dead(ErrorCode.MESSAGE_TOO_LARGE, f"a message is too large: {error}", step)
        else:
            self.outputs.append(OutgoingRecord(topic, key, value))

    def sleep(self, sleep: Sleep) -> None:
        """Leave a timer; a run that is too large to come back is dead before it waits."""
        timer = timer_of(sleep)
        if len(timer.body) <= MOST_RUN_BYTES:
            self.timer = timer
        else:
            cause = f"the run that waits has {len(timer.body)} bytes, at most {MOST_RUN_BYTES} are allowed"
            self.dead(ErrorCode.MESSAGE_TOO_LARGE, cause, sleep.run.at)

    def end(self, end: End) -> None:
        """Leave the record of an end."""
        if end.error is not None:
            self._tell(end.error)
        if end.outcome is Outcome.DEAD:
            self.dead(end.code or ErrorCode.BUG, end.reason or "the flow gave no reason", end.step, end.run)
        else:
            self.outputs.append(
                history.end_of_run(end.run, end.outcome, reason=end.reason, code=end.code, step=end.step)
            )

    def dead(self, code: ErrorCode, cause: str, step: str | None = None, run: Run | None = None) -> None:
        """Leave a dead letter of the record that the run came in. Other runs of the same event go on.

        `run`: as it is at its end; else as it came.
        """
        self.died_at = Died(path_of(step or ""), code)
        self.outputs.append(dead_letter(self.record, code, cause, run=self.run, step=step))
        self.outputs.append(history.end_of_run(run or self.run, Outcome.DEAD, reason=cause, code=code, step=step))

    def broke(self, error: Exception) -> None:
        """Leave a dead letter for an error that nobody foresaw, and its stack in the log."""
        self._tell(error)
        self.dead(ErrorCode.BUG, f"{type(error).__name__}: {error}"[:500], self.run.at or None)

    def _traced(self, path: str, way: str) -> None:
        if way in (ON_ERROR, ON_DEADLINE):
            self.passed.discard(path)
        else:
            self.passed.add(path)

    def _tell(self, error: Exception) -> None:
        run = self.run
        log.error("run.broke", flow=run.flow, run_id=run.id, event_id=run.event.id, at=run.at, exc_info=error)


def begun(record: ConsumedRecord, flow: CompiledFlow, event: Event, outputs: list[OutgoingRecord]) -> RunJob | None:
    """The job of a new run; None when the run goes to its own key first, or could not begin."""
    try:
        job = RunJob(record, flow, begin(flow, event), outputs)
        metrics.RUNS_STARTED.labels(flow.name).inc()
        return None if job.leaves() else job
    except Exception as error:
        log.exception("run.broke", flow=flow.name, event_id=event.id)
        cause = f"{type(error).__name__}: {error}"[:500]
        outputs.append(dead_letter(record, ErrorCode.BUG, cause))
        outputs.append(history.event_without_run(event, record, Outcome.DEAD, cause, ErrorCode.BUG))
        return None
