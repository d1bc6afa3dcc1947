"""The tables of echoes, in batches: one transaction for what a batch writes, one for what it was told of.

A write is there before its request is published. Done again after a crash, a batch finds its own marks and decides the
same. Writes are locked in the order of their ids, so that two workers wait for each other and never both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from contracts.actions import ActionRequest
from contracts.events import Event
from contracts.ids import stable_id
from services.flows import sync
from services.flows.sync import Change, Judgement, Mark, Open, Write
from services.runtime.database import storable
from services.tools.echoes.limits import Limits
from services.tools.timers.timer import origin

LONGEST_TEXT = 300

WRITE = """
with new as (
    select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::json[],
                         $8::integer[], $9::float8[])
        as one (id, account, system, flow, run_id, effect_id, fields, hops, seconds)
), made as (
    insert into echoes (id, account, system, flow, run_id, effect_id, fields, hops, expires_at)
    select id, account, system, flow, run_id, effect_id, fields, hops, now() + seconds * interval '1 second' from new
    on conflict (id) do nothing
)
insert into echo_aliases (alias, echo, expires_at)
select alias, echo, now() + seconds * interval '1 second'
from unnest($10::uuid[], $11::uuid[], $12::float8[]) as one (alias, echo, seconds)
on conflict do nothing
"""

OPEN = """
select id, fields, hops, at from echoes
where id in (select echo from echo_aliases where alias = any ($1::uuid[])) and expires_at > now()
order by id for update
"""
ALIASES = "select alias, echo from echo_aliases where alias = any ($1::uuid[])"

USE = """
update echoes as echo set fields = now_.fields
from unnest($1::uuid[], $2::json[]) as now_ (id, fields) where echo.id = now_.id
"""

RATE = """
select alias, count(*) as changes from sync_ledger
where alias = any ($1::uuid[]) and at > now() - interval '1 minute' and decision in ('passed', 'mixed')
  and not origin = any ($2::uuid[])
group by alias
"""

SAID = """
select distinct on (origin) origin, decision, why, hops, echoes from sync_ledger
where alias = any ($1::uuid[]) and origin = any ($2::uuid[])
"""

NOTE = """
insert into sync_ledger (alias, origin, event_id, type, entity, decision, why, hops, echoes, expires_at)
select alias, origin, event_id, type, entity, decision, why, hops, echoes, now() + $10 * interval '1 second'
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::integer[],
            $9::json[])
    as one (alias, origin, event_id, type, entity, decision, why, hops, echoes)
on conflict (alias, origin) do nothing
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a change: `passed`, `mixed` (its foreign fields pass), `suppressed` or `held`, and why."""

    decision: str
    why: str
    event: Event
    echoes: tuple[str, ...] = ()
    near: int = 0
    hops: int = 0


class Store:
    """The echoes of an installation."""

    def __init__(self, pool: asyncpg.Pool, limits: Limits) -> None:
        self._pool = pool
        self._limits = limits

    async def write(self, writes: Sequence[tuple[ActionRequest, Write]]) -> None:
        """Remember what these requests will set. Twice is once."""
        rows: dict[UUID, tuple[Any, ...]] = {}
        aliases: dict[tuple[UUID, UUID], float] = {}
        for request, write in writes:
            event = request.run.event
            one = UUID(stable_id("echo", request.effect_id))
            fields = Open(one.hex, 0, sync.marked(write))
            hops = event.hops or 0
            seconds = self._limits.seconds + request.retry.within_seconds
            ids = (storable(event.account), storable(write.system), request.run.flow, request.run.id)
            rows[one] = (one, *ids, request.effect_id, _fields(fields), hops, seconds)
            for kind, value in write.aliases.items():
                aliases[UUID(sync.alias_hash(event.account, write.system, kind, value)), one] = seconds
        columns = [list(column) for column in zip(*(rows[one] for one in sorted(rows)), strict=True)]
        known = sorted(aliases)
        await self._pool.execute(
            WRITE,
            *columns,
            [alias for alias, _ in known],
            [one for _, one in known],
            [aliases[pair] for pair in known],
        )

    async def judge(self, changes: Sequence[tuple[Event, Change]]) -> list[Verdict]:
        """What becomes of these changes, in their order. The same again, in any grouping, the same."""
        async with self._pool.acquire() as connection, connection.transaction():
            wanted = sorted({UUID(alias) for _, change in changes for alias in change.aliases})
            found = await connection.fetch(OPEN, wanted)
            opened = {row["id"]: _open(row) for row in sorted(found, key=lambda row: (row["at"], row["id"]))}
            by_alias: dict[UUID, set[UUID]] = {}
            for row in await connection.fetch(ALIASES, wanted):
                by_alias.setdefault(row["alias"], set()).add(row["echo"])
            mine = [UUID(origin(event)) for event, _ in changes]
            said = {row["origin"]: row for row in await connection.fetch(SAID, wanted, mine)}
            rates = {row["alias"].hex: row["changes"] for row in await connection.fetch(RATE, wanted, mine)}
            before = {one: dict(write.fields) for one, write in opened.items()}
            verdicts = []
            for (event, change), own in zip(changes, mine, strict=True):
                if (first := said.get(own)) is not None:
                    verdicts.append(_again(event, change, first))
                    continue
                near = {one for alias in change.aliases for one in by_alias.get(UUID(alias), ())}
                writes = [write for one, write in opened.items() if one in near]
                verdicts.append(self._verdict(event, change, writes, rates))
            used = [one for one, write in opened.items() if write.fields != before[one]]
            if used:
                await connection.execute(USE, used, [_fields(opened[one]) for one in used])
            await self._note(connection, changes, verdicts)
            return verdicts

    def _verdict(self, event: Event, change: Change, writes: list[Open], rates: dict[str, int]) -> Verdict:
        judged: Judgement = sync.judge(change, writes, origin(event))
        told: dict[str, Any] = {"echoes": judged.echoes, "near": len(judged.near), "hops": judged.hops}
        fields = ", ".join(judged.echoes)[:LONGEST_TEXT]
        if judged.suppressed:
            altered = f"; came back altered: {', '.join(judged.near)[:LONGEST_TEXT]}" if judged.near else ""
            return Verdict("suppressed", f"our own write came back: {fields}{altered}", event, **told)
        a_minute = 1 + max((rates.get(alias, 0) for alias in change.aliases), default=0)
        fault = self._limits.fault(judged.hops, a_minute)
        if fault is not None:
            return Verdict("held", fault, event, **told)
        for alias in change.aliases:
            rates[alias] = rates.get(alias, 0) + 1
        passed = sync.only(event, judged)
        if judged.echoes:
            return Verdict("mixed", f"without what we wrote ourselves: {fields}", passed, **told)
        why = "with other values than we wrote" if writes else "no write of ours is near"
        return Verdict("passed", why, passed, **told)

    async def _note(
        self,
        connection: asyncpg.pool.PoolConnectionProxy,
        changes: Sequence[tuple[Event, Change]],
        verdicts: Sequence[Verdict],
    ) -> None:
        rows: dict[tuple[UUID, UUID], tuple[Any, ...]] = {}
        for (event, change), verdict in zip(changes, verdicts, strict=True):
            one = UUID(origin(event))
            told = (storable(event.id), event.type, storable(change.entity)[:LONGEST_TEXT], verdict.decision)
            for alias in change.aliases:
                echoes = orjson.dumps(verdict.echoes).decode()
                row = (UUID(alias), one, *told, verdict.why, verdict.hops, echoes)
                rows.setdefault((UUID(alias), one), row)
        columns = [list(column) for column in zip(*(rows[key] for key in sorted(rows)), strict=True)]
        await connection.execute(NOTE, *columns, self._limits.ledger_seconds)


def _again(event: Event, change: Change, row: asyncpg.Record) -> Verdict:
    """The verdict of the first time."""
    echoes = tuple(orjson.loads(row["echoes"]))
    foreign = tuple(field for field in change.fields if field not in echoes)
    passes = row["decision"] in ("passed", "mixed")
    kept = sync.only(event, Judgement(echoes, (), foreign, row["hops"])) if passes else event
    return Verdict(row["decision"], row["why"], kept, echoes, hops=row["hops"])


def _open(row: asyncpg.Record) -> Open:
    fields = {name: Mark(*mark) for name, mark in orjson.loads(row["fields"]).items()}
    return Open(row["id"].hex, row["hops"], fields)


def _fields(write: Open) -> str:
    return orjson.dumps({name: [mark.exact, mark.near, mark.used_by] for name, mark in write.fields.items()}).decode()
