"""Dead letters of this service."""

from __future__ import annotations

from contracts.errors import ErrorCode
from contracts.runs import Run
from services.runtime.kafka import ConsumedRecord, OutgoingRecord, dead_letters

SERVICE = "tools"


def dead_letter(
    record: ConsumedRecord, code: ErrorCode, cause: str, *, run: Run | None = None, step: str | None = None
) -> OutgoingRecord:
    """The record for `*.dlq`, with the ids of its run. Headers of an earlier dead letter (redriven) are replaced."""
    ids: dict[str, str | int | None] = {}
    if run is not None:
        event = run.event
        ids = {"run_id": run.id, "event_id": event.id, "flow": run.flow, "step": step, "occurrence": event.occurrence}
    return dead_letters.dead_letter(record, code, cause, SERVICE, **ids)
