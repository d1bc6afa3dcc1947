"""Schedules: fired once over all replicas, also when one dies in the middle.

The row of a schedule is locked while it fires: Kafka acknowledges the event, then `last_due` is written. A replica that
dies between the two leaves the row as it was; who fires again gives the event the same id, so that it counts once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import asyncpg

from services.ingest import metrics as ingest_metrics
from services.ingest.accepting import EventAcceptor, PublishableEvent
from services.ingest.database import Database
from services.ingest.envelope import ContentIds, envelope, event_id
from services.ingest.http_problems import Refused
from services.ingest.readers.reader import Reading
from services.ingest.schedule_times import due, following
from services.ingest.sources.schedules_and_polls import Schedule
from services.runtime import logging, metrics
from services.runtime.back_off import BackOff
from services.runtime.cures import curable

LONGEST_WAIT_SECONDS = 1.0
BEGIN = "insert into schedules (name, last_due) values ($1, $2) on conflict do nothing"
LOCK = "select last_due from schedules where name = $1 for update skip locked"
FIRED = "update schedules set last_due = $2 where name = $1"

log = logging.get("schedules")


async def keep(schedules: Sequence[Schedule], data: Database, taker: EventAcceptor) -> None:
    """Fire them, for ever. Kafka and PostgreSQL may be away: what was missed is decided when they are back."""
    if not schedules:
        return
    await asyncio.gather(*(_keep(schedule, data, taker) for schedule in schedules))


async def _keep(schedule: Schedule, data: Database, taker: EventAcceptor) -> None:
    back_off = BackOff()
    while True:
        now = datetime.now(UTC)
        try:
            await fire(schedule, await data.connect(), taker, now)
        except Exception as error:
            if not (isinstance(error, Refused) or curable(error)):
                log.critical("schedule.broke", schedule=schedule.name, exc_info=error)
                metrics.BUGS.labels(schedule.uri).inc()
            logging.failed(log, "schedule.delayed", error, schedule=schedule.name)
            await back_off.wait()
            continue
        back_off.worked()
        left = (following(schedule, now) - datetime.now(UTC)).total_seconds()
        await asyncio.sleep(min(max(left, 0.001), LONGEST_WAIT_SECONDS))


async def fire(schedule: Schedule, pool: asyncpg.Pool, taker: EventAcceptor, now: datetime) -> int:
    """Fire what is due at `now`; how many. A schedule that is seen for the first time begins now.

    Raises Refused when Kafka does not acknowledge, and what asyncpg raises: then nothing is noted as fired.
    """
    async with pool.acquire() as connection, connection.transaction():
        last = await connection.fetchval(LOCK, schedule.name)
        if last is None:  # new, or another replica is at it
            await connection.execute(BEGIN, schedule.name, now)
            return 0
        times = due(schedule, last, now)
        for time in times:
            await taker.take([event_of(schedule, time, now)])
        if times:
            await connection.execute(FIRED, schedule.name, times[-1])
            log.info("schedule.fired", schedule=schedule.name, due=times[-1].isoformat(), count=len(times))
        return len(times)


def event_of(schedule: Schedule, time: datetime, now: datetime) -> PublishableEvent:
    """The event of one firing: the same id, whoever makes it."""
    local = time.astimezone(ZoneInfo(schedule.time_zone))
    payload = schedule.trigger.read(
        {
            "schedule": schedule.name,
            "due": time.isoformat(),
            "due_local": local.isoformat(),
            "time_zone": schedule.time_zone,
            "date": local.date().isoformat(),
            "late_seconds": round((now - time).total_seconds(), 3),
        }
    )
    reading = Reading(payload, payload.own_id(), time)
    identity, _ = event_id(schedule.uri, reading, ContentIds(schedule.uri, b""))
    key, value = envelope(schedule.uri, schedule.account, reading, identity)
    counter = ingest_metrics.EVENTS_ACCEPTED.labels(source=schedule.name, trigger=payload.trigger)
    return PublishableEvent((schedule.account, schedule.uri), identity, key, value, counter)
