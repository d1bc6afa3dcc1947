"""How often each cause was refused, in PostgreSQL: also of what came again, and of what was not kept any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg

from contracts.errors import ErrorCode
from contracts.topics import REFUSED_DLQ
from services.runtime.database import storable
from services.runtime.dead_letters.groups import refused_group
from services.runtime.tables.expiry import Expiring

EXPIRING = Expiring("refusals", "last_at", timedelta(days=REFUSED_DLQ.keep_days))
ADD = """
insert into refusals as known (letter_group, account, source, code, cause, first_at, last_at, count)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],
                     $6::timestamptz[], $7::timestamptz[], $8::bigint[])
on conflict (letter_group) do update set
    cause = excluded.cause, count = known.count + excluded.count,
    first_at = least(known.first_at, excluded.first_at), last_at = greatest(known.last_at, excluded.last_at)
"""


@dataclass
class _Tally:
    row: tuple[str, str, str, str, str]
    first: datetime
    last: datetime
    count: int = 0


class RefusalCounts:
    """What this process counted and has not written yet. A process that is killed forgets its last second."""

    def __init__(self) -> None:
        self._waiting: dict[str, _Tally] = {}

    def add(self, account: str, uri: str, code: ErrorCode, cause: str) -> None:
        """One more."""
        now = datetime.now(UTC)
        group = refused_group(uri, code, cause)
        tally = self._waiting.get(group)
        if tally is None:
            row = (group, storable(account), storable(uri), code.value, storable(cause[:2000]))
            tally = self._waiting[group] = _Tally(row, now, now)
        tally.count += 1
        tally.last = now

    async def write(self, pool: asyncpg.Pool) -> None:
        """Add what waits to the table. Raises what asyncpg raises: then it still waits."""
        taken, self._waiting = self._waiting, {}
        if not taken:
            return
        rows = [(*one.row, one.first, one.last, one.count) for _, one in sorted(taken.items())]
        try:
            await pool.execute(ADD, *map(list, zip(*rows, strict=True)))
        except BaseException:
            for group, one in taken.items():
                newer = self._waiting.get(group)
                one.count += newer.count if newer else 0
                one.last = newer.last if newer else one.last
                self._waiting[group] = one
            raise
