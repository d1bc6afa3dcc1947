"""What is published when a request ends: the run goes on, or it is delivered, dead, or unknown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from contracts.actions import ActionRequest
from contracts.errors import ErrorCode
from contracts.runs import Answer, AttemptRecord, LastCall, Outcome, RunMessage, StepError
from contracts.topics import ACTIONS_DLQ, HISTORY, RUNS
from services.actions.attempt import deadline
from services.actions.attempt.plan import Plan
from services.actions.attempt.states import Ended, State
from services.actions.journal.unknown_calls import UnknownCalls
from services.actions.outcome import Done, Failed
from services.runtime import logging
from services.runtime.kafka import MessageTooLargeError, OutgoingRecord, history
from services.runtime.kafka.dead_letters import dead_letter
from services.runtime.kafka.publishing import BatchPublisher

SERVICE = "actions"
# Of the answer that an end carries; a record must always fit.
MOST_OUTPUTS_BYTES = 8_192
log = logging.get("ends")


class Ends:
    """Returns when Kafka has acknowledged an end. What is unknown is before that kept for a person."""

    def __init__(self, publisher: BatchPublisher, unknowns: UnknownCalls) -> None:
        self._publisher = publisher
        self._unknowns = unknowns

    async def publish(self, plan: Plan, outcome: Done | Failed, state: State) -> Ended:
        """The end of a request."""
        outputs = end(plan, outcome, state)
        request = plan.request
        if isinstance(outcome, Failed) and outcome.unknown and request is not None:
            await self._unknowns.keep(plan.effect, request, plan.record, outcome)
        try:
            await self._publisher.publish(outputs)
        except MessageTooLargeError as error:
            cause = f"with the answer, the run has {error}"
            outcome = Failed(ErrorCode.MESSAGE_TOO_LARGE, cause, again=False, maybe=True)
            outputs = dead(plan, outcome, state)
            await self._publisher.publish(outputs)
        return Ended(outcome, dead=any(output.topic is ACTIONS_DLQ for output in outputs))

    async def bury(self, plan: Plan, failed: Failed, state: State) -> Ended:
        """That of one whose work raised what nobody foresaw: its dead letter, with whatever else can be told.

        Raises only when there is no letter: then nothing may be committed.
        """
        letter, end = dead(plan, failed, state)
        await self._publisher.publish([letter])
        await quietly(lambda: self._publisher.publish([end]))
        return Ended(failed, dead=True)

    async def failed(self, plan: Plan, failed: Failed, state: State, *, free: bool, next_seconds: float) -> None:
        """An attempt failed, and another follows: told to `history`."""
        await self._publisher.publish([failed_attempt(plan, failed, state, free=free, next_seconds=next_seconds)])

    async def asked(self, plan: Plan) -> bool:
        """Whether it ended as unknown before, so that a person is asked what came of it."""
        return await self._unknowns.asked(plan.effect)


async def quietly(work: Callable[[], Awaitable[object]]) -> None:
    """Do it, or log why not: after an exception that nobody foresaw, and that was counted, there may be more."""
    try:
        await work()
    except Exception:
        log.exception("end.untold")


def failed_attempt(plan: Plan, failed: Failed, state: State, *, free: bool, next_seconds: float) -> OutgoingRecord:
    """The record of an attempt that failed, and is followed by another."""
    request = plan.request
    assert request is not None  # noqa: S101 - as there was an attempt
    run = request.run
    # model_construct: all values are valid already.
    record = AttemptRecord.model_construct(
        run_id=run.id,
        event_id=run.event.id,
        account=run.event.account,
        subject=run.event.subject,
        flow=run.flow,
        step=request.step,
        effect_id=request.effect_id,
        action=request.action,
        connection=request.connection,
        at=history.now(),
        attempt=state.attempts,
        free=free,
        code=failed.code,
        cause=failed.cause[: history.LONGEST_REASON],
        next_seconds=round(next_seconds, 3),
    )
    return OutgoingRecord(HISTORY, run.event.key, record.to_bytes())


def end(plan: Plan, outcome: Done | Failed, state: State) -> list[OutgoingRecord]:
    """The records of a request's end."""
    request = plan.request
    if isinstance(outcome, Failed):
        return dead(plan, outcome, state) if request is None else _not_done(plan, request, outcome, state)
    assert request is not None  # noqa: S101 - only a request that was read can be done
    if request.last:
        return [_history(request, Outcome.DELIVERED, last_call=_last_call(request, state, outcome.outputs))]
    return [_resumed(request, outcome.outputs, None)]


def outcome_of(request: ActionRequest, failed: Failed) -> Outcome | None:
    """What a run ends with whose call failed for good; None: it goes on with the error."""
    late = deadline.never_made(failed)
    if request.resume_on_deadline if late else request.resume_on_error:
        return None
    if late:
        return Outcome.FILTERED
    return Outcome.UNKNOWN if failed.unknown else Outcome.DEAD


def _not_done(plan: Plan, request: ActionRequest, failed: Failed, state: State) -> list[OutgoingRecord]:
    outcome = outcome_of(request, failed)
    if outcome is None:
        error = StepError(code=failed.code, cause=failed.cause, attempts=state.attempts)
        return [_resumed(request, {}, error)]
    if outcome is Outcome.DEAD:
        return dead(plan, failed, state)
    return [_history(request, outcome, failed.cause, failed.code, _last_call(request, state))]


def dead(plan: Plan, failed: Failed, state: State) -> list[OutgoingRecord]:
    """The original record, untouched, with headers that say why; and the end of its run."""
    record, request = plan.record, plan.request
    ids: dict[str, Any] = {"attempts": state.attempts, "effect_possible": state.maybe or failed.maybe}
    if request is not None:
        run = request.run
        ids |= {"run_id": run.id, "event_id": run.event.id, "flow": run.flow}
        ids |= {"step": request.step, "effect_id": request.effect_id}
    if request is None:
        end = history.unreadable(record, failed.cause, failed.code)
    else:
        end = _history(request, Outcome.DEAD, failed.cause, failed.code, _last_call(request, state))
    return [dead_letter(record, failed.code, failed.cause, SERVICE, **ids), end]


def _resumed(request: ActionRequest, outputs: dict[str, Any], error: StepError | None) -> OutgoingRecord:
    # model_construct: all values are valid already, and this is the hot path.
    answer = Answer.model_construct(effect_id=request.effect_id, step=request.step, outputs=outputs, error=error)
    return OutgoingRecord(RUNS, request.key, RunMessage.model_construct(run=request.run, answer=answer).to_bytes())


def _last_call(request: ActionRequest, state: State, outputs: dict[str, Any] | None = None) -> LastCall:
    if outputs and len(orjson.dumps(outputs, default=str)) > MOST_OUTPUTS_BYTES:
        outputs = None
    return LastCall.model_construct(
        effect_id=request.effect_id,
        step=request.step,
        action=request.action,
        connection=request.connection,
        attempts=state.attempts,
        outputs=outputs or None,
    )


def _history(
    request: ActionRequest,
    outcome: Outcome,
    reason: str | None = None,
    code: ErrorCode | None = None,
    last_call: LastCall | None = None,
) -> OutgoingRecord:
    return history.end_of_run(request.run, outcome, reason=reason, code=code, step=request.step, last_call=last_call)
