"""The table `timers`. All in batches; a million rows that are not due cost nothing.

set       a step that is done again sets nothing new
fire      gives what is due to one replica, and deletes it when Kafka has acknowledged it
ended_by  the waits that events end
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from uuid import UUID

import asyncpg

from contracts.events import Event
from services.runtime.database import storable
from services.tools.timers.timer import EndedWait, SetTimer, Timer, began, coming, first_ending, origin

LONGEST_SUBJECT = 300
IDLE_SECONDS = 20
"""A replica that is stopped with rows in its hands loses them after so long."""

SET = """
with new as (
    insert into timers (id, account, run_id, flow, step, subject, due, began, origin, cancel, key, run, keeps_event)
    select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
                         $8::timestamptz[], $9::uuid[], $10::uuid[], $11::bytea[], $12::bytea[], $13::boolean[])
    on conflict (id) do nothing
    returning id
)
insert into timer_cancels (timer, place, cancel)
select more.timer, more.place, more.cancel
from unnest($14::uuid[], $15::integer[], $16::uuid[]) as more (timer, place, cancel) join new on new.id = more.timer
on conflict (timer, place) do nothing
"""

DUE = """
select id, due, key, run from timers where due <= now() order by due, id limit $1 for update skip locked
"""

ENDED_BY = """
select id, due, key, run, began, origin, cancel, keeps_event,
       array(select cancel from timer_cancels where timer = timers.id order by place) as more_cancels
from timers
where cancel = any ($1::uuid[])
   or id = any (array(select timer from timer_cancels where cancel = any ($1::uuid[])))
order by due, id
"""

DELETE = """
with more as (delete from timer_cancels where timer = any ($1::uuid[]))
delete from timers where id = any ($1::uuid[])
"""

OVERDUE = "select coalesce(extract(epoch from now() - min(due)), 0)::float8 from timers"


class TimerTable:
    """The timers of an installation."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def set(self, timers: Sequence[Timer]) -> None:
        """Set them; those that are there already stay as they are. All or none."""
        # Sorted, so that two workers who set the same ones wait for each other and never both.
        different = sorted({timer.id: timer for timer in timers}.values(), key=lambda one: one.id)
        more = [
            (UUID(timer.id), place, UUID(cancel))
            for timer in different
            for place, cancel in enumerate(timer.cancels[1:], start=1)
        ]
        if different:
            columns = [*zip(*(_row(timer) for timer in different), strict=True)]
            await self._pool.execute(
                SET, *map(list, columns), *(map(list, zip(*more, strict=True)) if more else ([], [], []))
            )

    async def fire(self, most: int, publish: Callable[[Sequence[SetTimer]], Awaitable[None]]) -> int:
        """Give what is due to `publish`, longest overdue first, and delete it when that returns; answer how many.

        No other replica sees these rows meanwhile. If `publish` raises, or this process ends, they are there again.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(f"set local idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'")
            found = [_waiting(row) for row in await connection.fetch(DUE, most)]
            if found:
                await publish(found)
                await connection.execute(DELETE, [one.id for one in found])
        return len(found)

    async def ended_by(self, events: Sequence[tuple[str, Event]]) -> list[EndedWait]:
        """The waits that events end, by the hashes of what they are, each with the first event that ends it."""
        by_hash = coming(events)
        rows = await self._pool.fetch(ENDED_BY, [UUID(one) for one in by_hash])
        found = []
        for row in rows:
            cancels = [one.hex for one in (row["cancel"], *row["more_cancels"])]
            if (ending := first_ending(cancels, row["began"], row["origin"].hex, by_hash)) is not None:
                cancel, event = ending
                found.append(EndedWait(replace(_waiting(row), keeps_event=row["keeps_event"]), event, cancel))
        return found

    async def delete(self, timers: Sequence[UUID]) -> None:
        """These waits are over, and Kafka has acknowledged it."""
        if timers:
            await self._pool.execute(DELETE, sorted(timers))

    async def overdue_seconds(self) -> float:
        """How long the wait that should have ended first is overdue; negative while nothing is due, 0 for none."""
        seconds: float = await self._pool.fetchval(OVERDUE)
        return seconds


def _waiting(row: asyncpg.Record) -> SetTimer:
    return SetTimer(row["id"], row["due"], row["key"], row["run"])


def _row(timer: Timer) -> tuple[object, ...]:
    run = timer.run
    return (
        UUID(timer.id),
        storable(run.event.account),
        run.id,
        run.flow,
        run.at,
        storable(run.key)[:LONGEST_SUBJECT],
        timer.due,
        began(run.event),
        UUID(origin(run.event)),
        UUID(timer.cancels[0]) if timer.cancels else None,
        timer.key,
        timer.body,
        timer.keeps_event,
    )
