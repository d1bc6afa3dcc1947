"""What became of an event: the topic `history` kept in PostgreSQL by event, and `GET /v1/events/{id}` that reads it.

The events' acknowledgement does not wait for any of this. Records are written before their offsets are committed, and a
record that comes twice writes the same row: nothing is missed, nothing is counted twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import asyncpg
from aiokafka import ConsumerRecord
from pydantic import ValidationError

from contracts.runs import HistoryRecord
from contracts.topics import HISTORY
from services.ingest.database import Database
from services.ingest.settings import IngestSettings
from services.runtime import database, kafka, logging, metrics
from services.runtime.apart import apart
from services.runtime.back_off import BackOff
from services.runtime.cures import curable
from services.runtime.database import storable
from services.runtime.tables import expiry
from services.runtime.tables.expiry import Expiring

GROUP = "event-ends"
MOST = 2000
WAIT_MS = 500
# Nobody waits for them: with what came meanwhile, a fifth of the statements, commits and requests to Kafka under load.
GATHER_SECONDS = 0.25
COLUMNS = (
    "run_id",
    "event_id",
    "source",
    "account",
    "outcome",
    "ended_at",
    "accepted",
    "flow",
    "step",
    "reason",
    "code",
)
WRITE = """
insert into event_ends (run_id, event_id, source, account, outcome, ended_at, accepted, flow, step, reason, code)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[],
                     $8::text[], $9::text[], $10::text[], $11::text[])
on conflict (run_id) do update set outcome = excluded.outcome, ended_at = excluded.ended_at, step = excluded.step,
    reason = excluded.reason, code = excluded.code
"""
FIND = """
select source, account, outcome, ended_at, accepted, flow, run_id, step, reason, code
from event_ends where event_id = $1 order by ended_at, run_id limit 200
"""
log = logging.get("ends")
Row = tuple[object, ...]


async def keep(settings: IngestSettings, data: Database) -> None:
    """Follow `history` for ever; Kafka and PostgreSQL may be away."""
    back_off = BackOff()
    while True:
        try:
            pool = await data.connect()
            await asyncio.gather(_follow(settings, pool), expiry.keep_flat(pool, expiring(settings)))
        except Exception as error:
            if not curable(error):
                raise  # a bug, that whoever keeps this work going tells of
            log.debug("ends.delayed", cause=f"{type(error).__name__}: {error}"[:300])
        await back_off.wait()


async def _follow(settings: IngestSettings, pool: asyncpg.Pool) -> None:
    consumer = kafka.consumer(settings, GROUP)
    consumer.subscribe([HISTORY.under(settings.topic_prefix)])
    try:
        await consumer.start()
        while True:
            batches = await consumer.getmany(timeout_ms=WAIT_MS, max_records=MOST)
            taken = [record for records in batches.values() for record in records]
            if taken:
                await apart(taken, partial(_written, pool), _passed_over)
                await consumer.commit()
                await asyncio.sleep(GATHER_SECONDS)
    finally:
        await consumer.stop()


async def _written(pool: asyncpg.Pool, records: Sequence[ConsumerRecord]) -> list[None]:
    await database.patiently("ends", partial(write, pool, rows_of([record.value for record in records])))
    return [None] * len(records)


async def _passed_over(record: ConsumerRecord, error: Exception) -> None:
    """It stays in `history`; only `GET /v1/events/{id}` does not know of it."""
    log.critical("record.broke", topic=record.topic, partition=record.partition, offset=record.offset, exc_info=error)
    metrics.BUGS.labels(HISTORY.name).inc()


def rows_of(values: Sequence[bytes | None]) -> list[Row]:
    """A row for each run among the records; of two records of one run the later. What is no record is passed over."""
    rows: dict[str, Row] = {}
    for value in values:
        try:
            end = HistoryRecord.model_validate_json(value or b"")
        except ValidationError:
            continue
        texts = (end.run_id, end.event_id, end.source, end.account, end.outcome.value)
        more = (end.flow, end.step, end.reason, end.code.value if end.code else None)
        rows[end.run_id] = (
            *(storable(text) for text in texts),
            end.at,
            end.accepted,
            *(None if text is None else storable(text) for text in more),
        )
    return [rows[key] for key in sorted(rows)]


async def write(pool: asyncpg.Pool, rows: Sequence[Row]) -> None:
    """Write rows, again where they are there. Raises what asyncpg raises."""
    if rows:
        await pool.execute(WRITE, *([row[column] for row in rows] for column in range(len(COLUMNS))))


async def find(pool: asyncpg.Pool, event_id: str) -> list[dict[str, object]]:
    """The ends of an event, in order of time; at most 200."""
    found = await pool.fetch(FIND, storable(event_id))
    return [{name: value for name, value in row.items() if value is not None} for row in found]


def expiring(settings: IngestSettings) -> Expiring:
    """How long ends are kept."""
    return Expiring("event_ends", "ended_at", timedelta(days=settings.ends_keep_days))
