"""The journal in PostgreSQL: one statement for all that is begun and settled at a time; the rare cases apart.

A batch first locks the places that it works under. Who takes over a place waits for such a batch, and sees what it
wrote; whose place was taken over writes nothing more. So no two workers can send the same effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from contracts.errors import ErrorCode
from services.actions.journal.effects import Begin, Decision, Fenced, Go, Held, Key, Record, Settle, State
from services.actions.journal.judge import Row, Taken, judge
from services.flows.catalogue import Guarantee
from services.flows.creations import making_id

ENTER = """
insert into delivery_places as mine (place, epoch, owner)
select place, nextval('delivery_epochs'), $2 from unnest($1::text[]) as wanted (place) order by place
on conflict (place) do update set epoch = excluded.epoch, owner = excluded.owner, since = now()
returning place, epoch
"""

# What was written and not heard of is written again: an attempt is taken back once, while its effect is not settled.
WRITE = """
with
fence as (
    select place, epoch from delivery_places where place = any ($1::text[]) order by place for share
),
begun as (
    insert into effects
        (account, effect_id, state, guarantee, epoch, place, position, attempts, began_at, expires_at)
    select new.account, new.effect_id, case when new.leaves then 'sent' else 'claimed' end, new.guarantee, new.epoch,
           new.place, new.position, new.leaves::integer, now(), now() + $9 * interval '1 second'
    from unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::bigint[], $8::boolean[])
        as new (account, effect_id, guarantee, epoch, place, position, leaves)
    join fence on fence.place = new.place and fence.epoch = new.epoch
    order by new.account, new.effect_id
    on conflict do nothing
    returning account, effect_id
),
settled as (
    update effects as effect
    set state = after.state, answer = after.answer, code = after.code, cause = after.cause,
        maybe = (effect.maybe and not after.absent) or after.maybe,
        attempts = effect.attempts - case when effect.state = after.state then 0 else after.free end
    from unnest($10::text[], $11::text[], $12::bigint[], $13::text[], $14::bytea[], $15::text[], $16::text[],
                $17::boolean[], $18::integer[], $19::boolean[])
        as after (account, effect_id, epoch, state, answer, code, cause, maybe, free, absent)
    where effect.account = after.account and effect.effect_id = after.effect_id and effect.epoch = after.epoch
    returning effect.account, effect.effect_id
)
select 'fence' as what, place as one, epoch::text as two from fence
union all select 'begun', account, effect_id from begun
union all select 'settled', account, effect_id from settled
"""

# Before the answer goes anywhere. It is true whoever holds the effect by now.
MADE = """
insert into echo_aliases (alias, echo, expires_at)
select alias, echo, now() + $3 * interval '1 second' from unnest($1::uuid[], $2::uuid[]) as one (alias, echo)
on conflict do nothing
"""

FENCE = "select place, epoch from delivery_places where place = any ($1::text[]) order by place for share"

READ = """
select effect.account, effect.effect_id, state, guarantee, epoch, place, position, attempts, answer, code, cause, maybe,
       extract(epoch from now() - began_at)::float8 as age,
       exists (select from delivery_places as alive where alive.epoch = effect.epoch) as alive
from effects as effect
join unnest($1::text[], $2::text[]) as asked (account, effect_id)
    on effect.account = asked.account and effect.effect_id = asked.effect_id
order by effect.account, effect.effect_id
for update of effect
"""

TAKE = """
update effects as effect
set state = new.state, guarantee = new.guarantee, epoch = new.epoch, place = new.place, position = new.position,
    attempts = new.attempts, began_at = case when new.anew then now() else began_at end,
    maybe = (effect.maybe and not new.anew) or new.maybe, code = new.code, cause = new.cause,
    expires_at = now() + $13 * interval '1 second'
from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bigint[], $7::integer[], $8::boolean[],
            $9::text[], $10::text[], $11::text[], $12::boolean[])
    as new (account, effect_id, guarantee, epoch, place, position, attempts, anew, state, code, cause, maybe)
where effect.account = new.account and effect.effect_id = new.effect_id
"""

CAUSE_LENGTH = 2000
CODES: dict[str | None, ErrorCode] = {code.value: code for code in ErrorCode}


class EffectsTable:
    """`keep_seconds`: how long an effect is remembered."""

    def __init__(self, pool: asyncpg.Pool, keep_seconds: float) -> None:
        self._pool = pool
        self._keep_seconds = keep_seconds

    async def enter(self, places: Sequence[str], owner: str) -> dict[str, int]:
        """Take over these places: their new epochs. From now on nobody can write under an older one."""
        rows = await self._pool.fetch(ENTER, sorted(places), owner)
        return {row["place"]: row["epoch"] for row in rows}

    async def write(self, begins: Sequence[Begin], settles: Sequence[Settle]) -> tuple[dict[Key, Decision], set[Key]]:
        """A decision for each begin, and the effects that could be settled: those still held under their epoch.

        No key may stand twice in `begins`, nor in `settles`, nor in both.
        """
        made = sorted((settle.made, making_id(settle.key.effect_id)) for settle in settles if settle.made is not None)
        if made:
            aliases, echoes = zip(*made, strict=True)
            await self._pool.execute(MADE, aliases, echoes, self._keep_seconds)
        rows = await self._pool.fetch(WRITE, *_places(begins), *_begins(begins), self._keep_seconds, *_settles(settles))
        fence: dict[str, int] = {}
        begun: set[Key] = set()
        settled: set[Key] = set()
        for what, one, two in rows:
            if what == "fence":
                fence[one] = int(two)
            else:
                (begun if what == "begun" else settled).add(Key(one, two))
        decisions: dict[Key, Decision] = {}
        others = []
        for begin in begins:
            if begin.key in begun:
                decisions[begin.key] = Go(1, 0.0)
            elif fence.get(begin.record.place) != begin.epoch:
                decisions[begin.key] = Fenced()
            else:
                others.append(begin)
        if others:
            decisions |= await self._known(others)
        return decisions, settled

    async def _known(self, begins: Sequence[Begin]) -> dict[Key, Decision]:
        """Effects that the journal knows already."""
        async with self._pool.acquire() as connection, connection.transaction():
            fence = {row["place"]: row["epoch"] for row in await connection.fetch(FENCE, *_places(begins))}
            rows = await connection.fetch(
                READ, [begin.key.account for begin in begins], [begin.key.effect_id for begin in begins]
            )
            found = {Key(row["account"], row["effect_id"]): row for row in rows}
            decisions: dict[Key, Decision] = {}
            taken: list[tuple[Begin, Taken]] = []
            for begin in begins:
                row = found.get(begin.key)
                if fence.get(begin.record.place) != begin.epoch:
                    decisions[begin.key] = Fenced()
                elif row is None:
                    decisions[begin.key] = Held()  # it was made or forgotten just now: the next asking sees
                else:
                    decision, change = judge(_row(row, begin), begin)
                    decisions[begin.key] = decision
                    if change is not None:
                        taken.append((begin, change))
            if taken:
                await connection.execute(TAKE, *_taken(taken), self._keep_seconds)
        return decisions


def _places(begins: Sequence[Begin]) -> tuple[list[str]]:
    return (sorted({begin.record.place for begin in begins}),)


def _begins(begins: Sequence[Begin]) -> tuple[list[Any], ...]:
    return (
        [begin.key.account for begin in begins],
        [begin.key.effect_id for begin in begins],
        [begin.guarantee.value for begin in begins],
        [begin.epoch for begin in begins],
        [begin.record.place for begin in begins],
        [begin.record.position for begin in begins],
        [begin.leaves for begin in begins],
    )


def _settles(settles: Sequence[Settle]) -> tuple[list[Any], ...]:
    return (
        [settle.key.account for settle in settles],
        [settle.key.effect_id for settle in settles],
        [settle.epoch for settle in settles],
        [settle.state.value for settle in settles],
        [settle.answer for settle in settles],
        [None if settle.code is None else settle.code.value for settle in settles],
        [None if settle.cause is None else settle.cause[:CAUSE_LENGTH].replace("\0", "") for settle in settles],
        [settle.maybe for settle in settles],
        [int(settle.free) for settle in settles],
        [settle.absent for settle in settles],
    )


def _taken(taken: Sequence[tuple[Begin, Taken]]) -> tuple[list[Any], ...]:
    return (
        [begin.key.account for begin, _ in taken],
        [begin.key.effect_id for begin, _ in taken],
        [change.guarantee.value for _, change in taken],
        [begin.epoch for begin, _ in taken],
        [begin.record.place for begin, _ in taken],
        [begin.record.position for begin, _ in taken],
        [change.attempts for _, change in taken],
        [change.anew for _, change in taken],
        [change.state.value for _, change in taken],
        [None if change.code is None else change.code.value for _, change in taken],
        [change.cause for _, change in taken],
        [change.maybe for _, change in taken],
    )


def _row(row: asyncpg.Record, begin: Begin) -> Row:
    return Row(
        state=State(row["state"]),
        guarantee=Guarantee(row["guarantee"]),
        epoch=row["epoch"],
        record=Record(row["place"], row["position"]),
        attempts=row["attempts"],
        age_seconds=row["age"],
        held_elsewhere=row["alive"] and row["epoch"] != begin.epoch,
        answer=row["answer"],
        code=CODES.get(row["code"]),
        cause=row["cause"],
        maybe=row["maybe"],
    )
