"""When a schedule is due. Pure: the times are given."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim

from services.ingest.sources.schedules_and_polls import Schedule

MOST_CAUGHT_UP = 1000


def following(schedule: Schedule, after: datetime) -> datetime:
    """The first time that is due after this one, in UTC.

    Cron is meant in the schedule's time zone, as in Debian: a time of day that a change of clocks leaves out fires when
    the gap ends, one that comes twice fires the first time; what comes every hour or more often fires at each of them.
    """
    if schedule.every_seconds is not None:
        every = schedule.every_seconds
        return datetime.fromtimestamp((after.timestamp() // every + 1) * every, UTC)
    assert schedule.cron is not None  # noqa: S101 - a schedule has one of the two
    local = after.astimezone(ZoneInfo(schedule.time_zone))
    return next(CronSim(schedule.cron, local)).astimezone(UTC)


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
