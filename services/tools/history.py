"""The topic `history`: one record for each end of a run, and for each event that starts none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from contracts.errors import ErrorCode
from contracts.events import Event, partition_key
from contracts.ids import stable_id
from contracts.runs import HistoryRecord, Outcome, Run
from contracts.topics import HISTORY
from services.runtime import metrics
from services.tools.records import Output, Record

LONGEST_REASON = 2000  # characters: a reason may quote what a flow computed, and a record must always fit


def end_of_run(
    run: Run, outcome: Outcome, *, reason: str | None = None, code: ErrorCode | None = None, step: str | None = None
) -> Output:
    """A run is over. Counts it."""
    now = datetime.now(UTC)
    reason = reason and reason[:LONGEST_REASON]
    metrics.RUNS_ENDED.labels(run.flow, outcome.value).inc()
    if outcome is Outcome.DELIVERED and run.event.accepted is not None:
        metrics.DELIVERY.labels(run.flow).observe(max(0.0, (now - run.event.accepted).total_seconds()))
    return _output(run.event, run.id, outcome, now, flow=run.flow, reason=reason, code=code, step=step)


def event_without_run(
    event: Event, record: Record, outcome: Outcome, reason: str, code: ErrorCode | None = None
) -> Output:
    """An event ends before any run: a duplicate, or no flow for it. Counts it.

    The id is that of the record and not of the event: each delivery of a duplicate is one more end.
    """
    metrics.EVENTS_ENDED.labels(outcome.value).inc()
    return _output(event, stable_id("record", record.place), outcome, datetime.now(UTC), reason=reason, code=code)


def unreadable(record: Record, reason: str, code: ErrorCode) -> Output:
    """A record that is no message of ours is dead. What can be read of its identity is kept. Counts it."""
    metrics.EVENTS_ENDED.labels(Outcome.DEAD.value).inc()
    seen = _identity(record.value)
    account = seen.get("account", "default")
    subject = seen.get("subject", "")
    ended = HistoryRecord(
        run_id=stable_id("record", record.place),
        event_id=seen.get("id", ""),
        source=seen.get("source", ""),
        account=account,
        subject=subject,
        outcome=Outcome.DEAD,
        at=datetime.now(UTC),
        reason=reason[:LONGEST_REASON],
        code=code,
    )
    return Output(HISTORY, partition_key(account, subject), ended.to_bytes())


def _output(event: Event, run_id: str, outcome: Outcome, at: datetime, **more: Any) -> Output:  # noqa: ANN401 - fields of HistoryRecord
    ended = HistoryRecord(
        run_id=run_id,
        event_id=event.id,
        source=event.source,
        account=event.account,
        subject=event.subject,
        outcome=outcome,
        at=at,
        accepted=event.accepted,
        **more,
    )
    return Output(HISTORY, event.key, ended.to_bytes())


def _identity(value: bytes | None) -> dict[str, str]:
    """The texts among id, source, account and subject, cut to the contract's length; empty when it is not JSON."""
    try:
        found = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(found, dict):
        return {}
    names = ("id", "source", "account", "subject")
    return {name: found[name][:512] for name in names if isinstance(found.get(name), str)}
