"""The last guard: a record whose handling raises becomes a dead letter, its stack is in the log, the others go on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from contracts.errors import ErrorCode
from contracts.runs import Outcome, Run, RunMessage
from contracts.topics import RUNS
from services.runtime import logging, metrics
from services.runtime.kafka import ConsumedRecord, MessageTooLargeError, OutgoingRecord, history
from services.runtime.tables.dead_runs import DeadRunMark
from services.tools.dead_letters import dead_letter

log = logging.get("bugs")
LONGEST_CAUSE = 500

Publish = Callable[[Sequence[OutgoingRecord]], Awaitable[object]]
Died = Callable[[Sequence[DeadRunMark]], Awaitable[None]]


async def nobody(_dead: Sequence[DeadRunMark]) -> None:
    """Nobody is told of deaths."""


async def bury(record: ConsumedRecord, error: Exception, publish: Publish, died: Died) -> None:
    """Return when Kafka has acknowledged the dead letter. Raises only if there is none: then nothing may be committed.

    What else belongs to it, the end of its run and what it claimed, is told as far as it can be.
    """
    topic, partition, offset = record.coordinates
    log.critical("record.broke", topic=topic, partition=partition, offset=offset, exc_info=error)
    metrics.BUGS.labels(record.topic.name).inc()
    code = ErrorCode.MESSAGE_TOO_LARGE if isinstance(error, MessageTooLargeError) else ErrorCode.BUG
    cause = f"{type(error).__name__}: {error}"[:LONGEST_CAUSE]
    message = _message(record)
    run = None if message is None else message.run
    await publish([dead_letter(record, code, cause, run=run)])
    try:
        await publish([_end(record, run, cause, code)])
        if message is not None:
            done = message.run.done + (message.answer is not None and message.answer.done)
            await died([DeadRunMark(message.run.id, done)])
    except Exception:
        log.exception("end.untold", topic=topic, partition=partition, offset=offset)


def _message(record: ConsumedRecord) -> RunMessage | None:
    if record.topic is not RUNS:
        return None
    try:
        return RunMessage.read(record.value)
    except Exception:  # noqa: BLE001 - that it cannot be read may be what it died of
        return None


def _end(record: ConsumedRecord, run: Run | None, cause: str, code: ErrorCode) -> OutgoingRecord:
    if run is None:
        return history.unreadable(record, cause, code)
    return history.end_of_run(run, Outcome.DEAD, reason=cause, code=code)
