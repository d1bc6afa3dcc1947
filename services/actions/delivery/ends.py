"""What is published when a job ends: the run goes on, or it is delivered, dead, or unknown."""

from __future__ import annotations

from typing import Any

from contracts.actions import ActionRequest
from contracts.errors import ErrorCode
from contracts.runs import Answer, Outcome, RunMessage, StepError
from contracts.topics import RUNS
from services.actions.delivery.attempt import Done, Failed
from services.actions.delivery.job import Job
from services.runtime.kafka import OutgoingRecord, history
from services.runtime.kafka.dead_letters import dead_letter

SERVICE = "actions"


def end(job: Job, outcome: Done | Failed) -> list[OutgoingRecord]:
    """The records of a job's end."""
    request = job.request
    if isinstance(outcome, Failed):
        if request is None:
            return dead(job, outcome)
        if not request.resume_on_error:
            if outcome.unknown:
                return [_history(request, Outcome.UNKNOWN, outcome.cause, outcome.code)]
            return dead(job, outcome)
        error = StepError(code=outcome.code, cause=outcome.cause, attempts=job.attempts)
        return [_resumed(request, {}, error)]
    assert request is not None  # noqa: S101 - only a request that was read can be done
    if request.last:
        return [_history(request, Outcome.DELIVERED)]
    return [_resumed(request, outcome.outputs, None)]


def dead(job: Job, failed: Failed) -> list[OutgoingRecord]:
    """The original record, untouched, with headers that say why; and the end of its run."""
    record, request = job.record, job.request
    ids: dict[str, Any] = {"attempts": job.attempts, "effect_possible": job.maybe or failed.maybe}
    if request is not None:
        run = request.run
        ids |= {"run_id": run.id, "event_id": run.event.id, "flow": run.flow}
        ids |= {"step": request.step, "effect_id": request.effect_id}
    if request is None:
        end = history.unreadable(record, failed.cause, failed.code)
    else:
        end = _history(request, Outcome.DEAD, failed.cause, failed.code)
    return [dead_letter(record, failed.code, failed.cause, SERVICE, **ids), end]


def _resumed(request: ActionRequest, outputs: dict[str, Any], error: StepError | None) -> OutgoingRecord:
    # model_construct: all values are valid already, and this is the hot path.
    answer = Answer.model_construct(effect_id=request.effect_id, step=request.step, outputs=outputs, error=error)
    return OutgoingRecord(RUNS, request.key, RunMessage.model_construct(run=request.run, answer=answer).to_bytes())


def _history(
    request: ActionRequest, outcome: Outcome, reason: str | None = None, code: ErrorCode | None = None
) -> OutgoingRecord:
    return history.end_of_run(request.run, outcome, reason=reason, code=code, step=request.step)
