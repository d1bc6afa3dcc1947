"""Dead letters of this service: the original record untouched, with headers that say where, why and who must act."""

from __future__ import annotations

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.runs import Run
from contracts.topics import DLQ_OF
from services.runtime import metrics
from services.runtime.kafka.buried import buried
from services.runtime.kafka.gaps import Gap
from services.tools.records import Output, Record

SERVICE = "tools"


def dead_letter(
    record: Record, code: ErrorCode, cause: str, *, run: Run | None = None, step: str | None = None
) -> Output:
    """The record for `*.dlq`, and count it. Headers of an earlier dead letter (a redriven record) are replaced."""
    ids: dict[str, str | None] = {}
    if run is not None:
        event = run.event
        ids = {"run_id": run.id, "event_id": event.id, "flow": run.flow, "step": step, "occurrence": event.occurrence}
    return _letter(record, DeadLetter.of(record.coordinates, code, cause, SERVICE, **ids))


def by_reference(record: Record, gap: Gap) -> Output:
    """The same of what nobody can read: it says where that is. Counted once, however many records it tells of."""
    cause = gap.cause or ""
    return _letter(
        record,
        DeadLetter.of(record.coordinates, ErrorCode.RECORD_UNREADABLE, cause, SERVICE, first_offset=gap.first),
    )


def _letter(record: Record, letter: DeadLetter) -> Output:
    topic = DLQ_OF[record.topic]
    metrics.DEAD_LETTERS.labels(topic.name, letter.code.value).inc()
    return Output(topic, *buried(topic, letter, record.key, record.value, record.headers))
