"""What is published when a job ends: the run goes on, or it is delivered, dead, or unknown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from contracts.actions import ActionRequest
from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.events import partition_key
from contracts.ids import stable_id
from contracts.runs import Answer, HistoryRecord, Outcome, RunMessage, StepError
from contracts.topics import ACTIONS_DLQ, HISTORY, RUNS
from services.actions.delivery.attempt import Done, Failed
from services.actions.delivery.job import Job
from services.actions.delivery.records import Output
from services.runtime import metrics
from services.runtime.kafka import gaps
from services.runtime.kafka.buried import buried

SERVICE = "actions"
LONGEST_REASON = 2000  # characters: a reason may quote an answer, and a record must always fit


def end(job: Job, outcome: Done | Failed) -> list[Output]:
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
    return [_delivered(request)] if request.last else [_resumed(request, outcome.outputs, None)]


def dead(job: Job, failed: Failed) -> list[Output]:
    """The original record, untouched, with headers that say why; and the end of its run."""
    record, request = job.record, job.request
    ids: dict[str, Any] = {"attempts": job.attempts, "effect_possible": job.maybe or failed.maybe}
    if request is not None:
        run = request.run
        ids |= {"run_id": run.id, "event_id": run.event.id, "flow": run.flow}
        ids |= {"step": request.step, "effect_id": request.effect_id}
    if (gap := gaps.unreadable(record.value)) is not None:
        ids["first_offset"] = gap.first
    letter = DeadLetter.of(record.coordinates, failed.code, failed.cause, SERVICE, **ids)
    return [
        Output(ACTIONS_DLQ, *buried(ACTIONS_DLQ, letter, record.key, record.value, record.headers)),
        _unreadable(job, failed) if request is None else _history(request, Outcome.DEAD, failed.cause, failed.code),
    ]


def count(job: Job, outputs: list[Output], failed: Failed | None, now: datetime | None = None) -> None:
    """Metrics of an end, once it is published."""
    request = job.request
    for output in outputs:
        if output.topic is ACTIONS_DLQ and failed is not None:
            metrics.DEAD_LETTERS.labels(ACTIONS_DLQ.name, failed.code.value).inc()
            if request is not None:
                metrics.RUNS_ENDED.labels(request.run.flow, Outcome.DEAD.value).inc()
        elif output.topic is HISTORY and failed is not None and failed.unknown and request is not None:
            metrics.RUNS_ENDED.labels(request.run.flow, Outcome.UNKNOWN.value).inc()
        elif output.topic is HISTORY and failed is None and request is not None:
            metrics.RUNS_ENDED.labels(request.run.flow, Outcome.DELIVERED.value).inc()
            accepted = request.run.event.accepted
            if accepted is not None:
                late = ((now or datetime.now(UTC)) - accepted).total_seconds()
                metrics.DELIVERY.labels(request.run.flow).observe(max(0.0, late))


def _resumed(request: ActionRequest, outputs: dict[str, Any], error: StepError | None) -> Output:
    # model_construct: all values are valid already, and this is the hot path.
    answer = Answer.model_construct(effect_id=request.effect_id, step=request.step, outputs=outputs, error=error)
    return Output(RUNS, request.key, RunMessage.model_construct(run=request.run, answer=answer).to_bytes())


def _delivered(request: ActionRequest) -> Output:
    return _history(request, Outcome.DELIVERED, None, None)


def _history(request: ActionRequest, outcome: Outcome, reason: str | None, code: ErrorCode | None) -> Output:
    run, event = request.run, request.run.event
    record = HistoryRecord.model_construct(
        run_id=run.id,
        event_id=event.id,
        source=event.source,
        account=event.account,
        subject=event.subject,
        outcome=outcome,
        at=datetime.now(UTC),
        flow=run.flow,
        step=request.step,
        reason=reason and reason[:LONGEST_REASON],
        code=code,
        accepted=event.accepted,
    )
    return Output(HISTORY, event.key, record.to_bytes())


def _unreadable(job: Job, failed: Failed) -> Output:
    """The end of a run whose request cannot be read: as much of its identity as there is."""
    run = _part(_json(job.record.value), "run")
    event = _part(run, "event")
    account, subject = _text(event, "account") or "default", _text(event, "subject")
    record = HistoryRecord(
        run_id=_text(run, "id") or stable_id("record", "/".join(str(part) for part in job.record.coordinates)),
        event_id=_text(event, "id"),
        source=_text(event, "source"),
        account=account,
        subject=subject,
        outcome=Outcome.DEAD,
        at=datetime.now(UTC),
        flow=_text(run, "flow") or None,
        reason=failed.cause[:LONGEST_REASON],
        code=failed.code,
    )
    return Output(HISTORY, partition_key(account, subject), record.to_bytes())


def _json(value: bytes | None) -> object:
    try:
        return orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None


def _part(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def _text(value: object, name: str) -> str:
    found = _part(value, name)
    return found[:512] if isinstance(found, str) else ""
