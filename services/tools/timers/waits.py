"""Runs that wait, for who operates them: found by run, key or flow in the table `timers`, moved and ended by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from services.flows.entities import same_key
from services.runtime.database import storable
from services.runtime.tables import audit
from services.tools.timers import timer_table

WANTED = """
where ($1::text is null or run_id = $1 or (length($1) >= 12 and starts_with(run_id, $1)))
  and ($2::text is null or subject = $2 or lower(btrim(subject)) = $3
       or ($3 ~ '^[0-9]{6,}$' and subject ~ '^[-+0-9 ().]+$'
           and regexp_replace(regexp_replace(subject, '[^0-9]', '', 'g'), '^00', '') = $3))
  and ($4::text is null or flow = $4)
"""
FIND = f"select * from timers {WANTED} order by due, id limit $5"  # noqa: S608 - no value is put into it
MOVE = f"with moved as (update timers set due = $5 {WANTED} returning *) select * from moved order by due, id"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which waits: all that is given must fit."""

    run: str | None = None
    key: str | None = None
    flow: str | None = None

    def values(self) -> tuple[str | None, str | None, str | None, str | None]:
        """For the statements."""
        key = None if self.key is None else storable(self.key)
        return (self.run, key, None if self.key is None else storable(same_key(self.key)), self.flow)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One wait."""

    id: UUID
    account: str
    run_id: str
    flow: str
    step: str
    subject: str
    due: datetime
    set_at: datetime
    key: bytes
    body: bytes

    @property
    def timer(self) -> str:
        """Its id as messages have it."""
        return self.id.hex


async def find(connection: asyncpg.Connection, wanted: Wanted, limit: int | None = None) -> list[Waiting]:
    """The waits that fit, the next one first."""
    return [_waiting(row) for row in await connection.fetch(FIND, *wanted.values(), limit)]


async def reschedule(connection: asyncpg.Connection, wanted: Wanted, due: datetime) -> list[Waiting]:
    """Let them end at another moment."""
    async with connection.transaction():
        was = {one.id: one for one in await find(connection, wanted)}
        moved = [_waiting(row) for row in await connection.fetch(MOVE, *wanted.values(), due)]
        told = [_decided(was.get(one.id), one) for one in moved]
        await audit.write(connection, audit.direct(), "wait.rescheduled", told)
    return moved


async def cancelled(connection: asyncpg.Connection, waits: Sequence[Waiting], why: str) -> None:
    """They are over by hand, and Kafka has acknowledged it."""
    async with connection.transaction():
        await connection.execute(timer_table.DELETE, [one.id for one in waits])
        told = [_decided(one, None, why) for one in waits]
        await audit.write(connection, audit.direct(), "wait.cancelled", told)


def _decided(was: Waiting | None, became: Waiting | None, why: str = "") -> audit.Decided:
    one = became or was
    assert one is not None  # noqa: S101 - there is one of them
    before, after = (
        None if each is None else {"due": each.due.isoformat(), "flow": each.flow, "step": each.step}
        for each in (was, became)
    )
    return audit.Decided(f"run {one.run_id}", why, before, after)


def _waiting(row: asyncpg.Record) -> Waiting:
    fields = dict(row)
    return Waiting(
        body=fields["run"], **{name: fields[name] for name in Waiting.__dataclass_fields__ if name != "body"}
    )
