"""The topic `history`: one record for each end of a run, and for each event that starts none.

An end is counted when Kafka has acknowledged its record, once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson

from contracts.errors import ErrorCode
from contracts.events import Event, partition_key
from contracts.ids import stable_id
from contracts.runs import HistoryRecord, LastCall, Outcome, Run
from contracts.topics import EVENTS, HISTORY
from services.runtime import metrics
from services.runtime.kafka.records import ConsumedRecord, OutgoingRecord

LONGEST_REASON = 2000  # characters: a reason may quote what came from outside, and a record must always fit


def now() -> datetime:
    """The moment of a record of now."""
    return datetime.now(UTC)


def end_of_run(
    run: Run,
    outcome: Outcome,
    *,
    reason: str | None = None,
    code: ErrorCode | None = None,
    step: str | None = None,
    last_call: LastCall | None = None,
) -> OutgoingRecord:
    """A run is over."""
    event = run.event
    told = {"flow": run.flow, "code": code, "step": step, "last_call": last_call, "need_answers": run.need_answers}
    ended = _ended(event, run.id, outcome, reason=reason, **told)
    return OutgoingRecord(
        HISTORY, event.key, ended.to_bytes(), None, partial(_count_run, run.flow, outcome, event.accepted)
    )


def event_without_run(
    event: Event, record: ConsumedRecord, outcome: Outcome, reason: str, code: ErrorCode | None = None
) -> OutgoingRecord:
    """An event ends before any run: a duplicate, or no flow for it.

    The id is that of the record and not of the event: each delivery of a duplicate is one more end.
    """
    return end_of_event(
        event.key, _ended(event, stable_id("record", record.position), outcome, reason=reason, code=code)
    )


def end_of_event(key: bytes, ended: HistoryRecord) -> OutgoingRecord:
    """An event that started no run is over."""
    return OutgoingRecord(HISTORY, key, ended.to_bytes(), None, partial(_count_event, ended.outcome))


def unreadable(record: ConsumedRecord, reason: str, code: ErrorCode) -> OutgoingRecord:
    """A record that is no message of ours is dead. What can be read of its identity is kept."""
    message = _json(record.value)
    run = None if record.topic is EVENTS else _part(message, "run")
    event = message if record.topic is EVENTS else _part(run, "event")
    account, subject = _text(event, "account") or "default", _text(event, "subject")
    ended = HistoryRecord(
        run_id=_text(run, "id") or stable_id("record", record.position),
        event_id=_text(event, "id"),
        source=_text(event, "source"),
        account=account,
        subject=subject,
        outcome=Outcome.DEAD,
        at=datetime.now(UTC),
        flow=_text(run, "flow") or None,
        reason=reason[:LONGEST_REASON],
        code=code,
    )
    return end_of_event(partition_key(account, subject), ended)


def _ended(event: Event, run_id: str, outcome: Outcome, *, reason: str | None, **more: Any) -> HistoryRecord:  # noqa: ANN401 - its fields
    # model_construct: all values are valid already, and this is the hot path.
    return HistoryRecord.model_construct(
        run_id=run_id,
        event_id=event.id,
        source=event.source,
        account=event.account,
        subject=event.subject,
        outcome=outcome,
        at=datetime.now(UTC),
        accepted=event.accepted,
        reason=reason and reason[:LONGEST_REASON],
        **more,
    )


def _count_run(flow: str, outcome: Outcome, accepted: datetime | None) -> None:
    metrics.RUNS_ENDED.labels(flow, outcome.value).inc()
    if outcome is Outcome.DELIVERED and accepted is not None:
        metrics.DELIVERY.labels(flow).observe(max(0.0, (datetime.now(UTC) - accepted).total_seconds()))


def _count_event(outcome: Outcome) -> None:
    metrics.EVENTS_ENDED.labels(outcome.value).inc()


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
