"""When a schedule is due. Pure: the times are given."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from croniter import croniter

from services.ingest.sources.timed import Schedule

MOST_CAUGHT_UP = 1000


def following(schedule: Schedule, after: datetime) -> datetime:
    """The first time that is due after this one, in UTC.

    Cron is meant in the schedule's time zone: an hour that a change of clocks leaves out fires when it ends, and one
    that comes twice fires the first time.
    """
    if schedule.every_seconds is not None:
        every = schedule.every_seconds
        return datetime.fromtimestamp((after.timestamp() // every + 1) * every, UTC)
    zone = ZoneInfo(schedule.time_zone)
    # Wall-clock times, without a zone, so that the change of clocks is ours to decide.
    wall = after.astimezone(zone).replace(tzinfo=None, fold=0)
    times = croniter(schedule.cron, wall - timedelta(hours=3))
    while True:
        found = _instant(times.get_next(datetime), zone)
        if found > after:
            return found


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    local = wall.replace(tzinfo=zone, fold=0)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall:
        return instant
    # The wall clock never showed it: the first moment after the gap, which is where both readings of it meet.
    before, later = local.utcoffset() or timedelta(), wall.replace(tzinfo=zone, fold=1).utcoffset() or timedelta()
    gap = abs(later - before)
    start = (instant - gap).replace(minute=0, second=0, microsecond=0)
    while start.astimezone(zone).utcoffset() == (instant - gap).astimezone(zone).utcoffset():
        start += timedelta(minutes=15)
    return start


def due(schedule: Schedule, last: datetime, now: datetime) -> list[datetime]:
    """What is due since `last` and until now, in order: of missed ones the latest alone, or all where so declared.

    At most 1,000 are caught up at once; the next look brings the rest.
    """
    found = list(islice(_until(schedule, last, now), MOST_CAUGHT_UP))
    return found if schedule.missed == "catch_up" else found[-1:]


def _until(schedule: Schedule, last: datetime, now: datetime) -> Iterator[datetime]:
    found = following(schedule, last)
    while found <= now:
        yield found
        found = following(schedule, found)
