"""The table `timers`. All in batches; a million rows that are not due cost nothing.

set       a step that is done again sets nothing new
fire      gives what is due to one replica, and deletes it when Kafka has acknowledged it
ended_by  the waits that events end
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from contracts.events import Event
from services.runtime.database import storable
from services.tools.timers.timer import Timer, began, origin

LONGEST_SUBJECT = 300
IDLE_SECONDS = 20
"""A replica that is stopped with rows in its hands loses them after so long."""

SET = """
insert into timers (id, account, run_id, flow, step, subject, due, began, origin, cancel, key, run)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
                     $8::timestamptz[], $9::uuid[], $10::uuid[], $11::bytea[], $12::bytea[])
on conflict (id) do nothing
"""

DUE = """
select id, due, key, run from timers where due <= now() order by due, id limit $1 for update skip locked
"""

ENDED_BY = """
select id, due, key, run, began, origin, cancel from timers where cancel = any ($1::uuid[]) order by due, id
"""

DELETE = "delete from timers where id = any ($1::uuid[])"

OVERDUE = "select coalesce(extract(epoch from now() - min(due)), 0)::float8 from timers"


@dataclass(frozen=True, slots=True)
class SetTimer:
    """A wait as the table has it: enough to end it."""

    id: UUID
    due: datetime
    key: bytes
    run: bytes

    @property
    def timer(self) -> str:
        """The id as messages have it."""
        return self.id.hex


class TimerTable:
    """The timers of an installation."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def set(self, timers: Sequence[Timer]) -> None:
        """Set them; those that are there already stay as they are. All or none."""
        # Sorted, so that two workers who set the same ones wait for each other and never both.
        rows = [_row(timer) for timer in sorted({timer.id: timer for timer in timers}.values(), key=lambda one: one.id)]
        if rows:
            await self._pool.execute(SET, *(list(column) for column in zip(*rows, strict=True)))

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

    async def ended_by(self, events: Sequence[tuple[str, Event]]) -> list[tuple[SetTimer, Event]]:
        """The waits that events end, by the hashes of what they are, each with the first event that ends it.

        An event ends waits of runs whose own event came before it, so a replay of older events ends nothing.
        """
        by_hash: dict[str, list[Event]] = {}
        for one, event in events:
            by_hash.setdefault(one, []).append(event)
        rows = await self._pool.fetch(ENDED_BY, [UUID(one) for one in by_hash])
        found = []
        for row in rows:
            later = (
                event
                for event in by_hash[row["cancel"].hex]
                if row["origin"].hex != origin(event) and row["began"] <= began(event)
            )
            if (ending := next(later, None)) is not None:
                found.append((_waiting(row), ending))
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
        UUID(timer.cancel) if timer.cancel else None,
        timer.key,
        timer.body,
    )
