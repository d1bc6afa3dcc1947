"""The tables of echoes, in batches: one transaction for what a batch writes, one for what it was told of.

A write is there before its request is published. Done again after a crash, a batch finds its own marks and decides the
same. Writes are locked in the order of their ids, so that two workers wait for each other and never both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from contracts.actions import ActionRequest
from contracts.events import Event
from contracts.ids import stable_id
from services.flows import sync
from services.flows.creations import Creation, making, making_id, new_hash, ours
from services.flows.entities import alias_hash
from services.flows.sync import EchoJudgement, Mark, OpenWrite, ReportedChange, Write
from services.runtime.database import storable
from services.tools.echoes import possible_creations
from services.tools.echoes.echo_verdict import OURS, PASSING, EchoVerdict, Told
from services.tools.echoes.loop_limits import LoopLimits
from services.tools.timers.timer import origin

LONGEST_TEXT = 300

WRITE = """
with new as (
    select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::json[],
                         $8::integer[], $9::float8[], $10::text[], $11::text[], $12::uuid[], $13::float8[])
        as one (id, account, system, flow, run_id, effect_id, fields, hops, keep, makes, led, email, seconds)
), made as (
    insert into echoes (id, account, system, flow, run_id, effect_id, fields, hops, expires_at,
                        makes, led, email, seconds)
    select id, account, system, flow, run_id, effect_id, fields, hops, now() + keep * interval '1 second',
           makes, led, email, seconds from new
    on conflict (id) do nothing
)
insert into echo_aliases (alias, echo, expires_at)
select alias, echo, now() + keep * interval '1 second'
from unnest($14::uuid[], $15::uuid[], $16::float8[]) as one (alias, echo, keep)
on conflict do nothing
"""

OPEN = """
select id, effect_id, fields, hops, at, makes, led, email, told, seconds from echoes
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
select distinct on (origin) origin, decision, why, hops, echoes, led from sync_ledger
where alias = any ($1::uuid[]) and origin = any ($2::uuid[])
"""

NOTE = """
insert into sync_ledger (alias, origin, event_id, type, entity, decision, why, hops, echoes, led, expires_at)
select alias, origin, event_id, type, entity, decision, why, hops, echoes, led, now() + $11 * interval '1 second'
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::integer[],
            $9::json[], $10::text[])
    as one (alias, origin, event_id, type, entity, decision, why, hops, echoes, led)
on conflict (alias, origin) do nothing
"""


class EchoTables:
    """The echoes of an installation."""

    def __init__(self, pool: asyncpg.Pool, limits: LoopLimits) -> None:
        self._pool = pool
        self._limits = limits

    async def write(self, writes: Sequence[tuple[ActionRequest, Write]]) -> None:
        """Remember what these requests will set and make. Twice is once."""
        rows: dict[UUID, tuple[Any, ...]] = {}
        aliases: dict[tuple[UUID, UUID], float] = {}
        for request, write in writes:
            for row, hashes in self._rows(request, write):
                one, keep = row[0], row[8]
                rows[one] = row
                aliases |= {(UUID(alias), one): keep for alias in hashes}
        columns = [list(column) for column in zip(*(rows[one] for one in sorted(rows)), strict=True)]
        pairs = sorted(aliases)
        alias_columns = [alias for alias, _ in pairs], [one for _, one in pairs], [aliases[pair] for pair in pairs]
        await self._pool.execute(WRITE, *columns, *alias_columns)

    def _rows(self, request: ActionRequest, write: Write) -> Iterator[tuple[tuple[Any, ...], list[str]]]:
        """Rows of `echoes`, in the order of WRITE, each with its aliases."""
        run, account = request.run, request.run.event.account
        seconds = self._limits.seconds + request.retry.within_seconds
        of = (run.flow, run.id, request.effect_id)
        hops = run.event.hops or 0
        one = UUID(stable_id("echo", request.effect_id))
        fields = _fields(OpenWrite(one.hex, 0, sync.marked(write)))
        row = (one, storable(account), storable(write.system), *of, fields, hops, seconds, None, "", None, None)
        yield row, [alias_hash(account, write.system, kind, value) for kind, value in write.aliases.items()]
        if (new := making(request)) is not None:
            hashes = {kind: new_hash(account, new.system, kind, value) for kind, value in new.aliases.items()}
            email = UUID(hashes["email"]) if "email" in hashes else None
            keep = max(self._limits.ledger_seconds, seconds)
            makes = (new.trigger, ",".join(new.flows), email, seconds)
            one = UUID(making_id(request.effect_id))
            yield (one, storable(account), new.system, *of, "{}", hops, keep, *makes), list(hashes.values())

    async def judge(self, changes: Sequence[tuple[Event, Told]]) -> list[EchoVerdict]:
        """What becomes of these events, in their order. The same again, in any grouping, the same."""
        async with self._pool.acquire() as connection, connection.transaction():
            wanted = sorted({UUID(alias) for _, change in changes for alias in change.aliases})
            found = sorted(await connection.fetch(OPEN, wanted), key=lambda row: (row["at"], row["id"]))
            opened = {row["id"]: _open(row) for row in found if row["makes"] is None}
            by_alias: dict[UUID, set[UUID]] = {}
            for row in await connection.fetch(ALIASES, wanted):
                by_alias.setdefault(row["alias"], set()).add(row["echo"])
            account_of = {UUID(alias): event.account for event, change in changes for alias in change.aliases}
            made = await possible_creations.read(
                connection, account_of, [row for row in found if row["makes"]], by_alias
            )
            mine = [UUID(origin(event)) for event, _ in changes]
            said = {row["origin"]: row for row in await connection.fetch(SAID, wanted, mine)}
            rates = {row["alias"].hex: row["changes"] for row in await connection.fetch(RATE, wanted, mine)}
            before = {one: dict(write.fields) for one, write in opened.items()}
            verdicts = []
            for (event, change), own in zip(changes, mine, strict=True):
                if (first := said.get(own)) is not None:
                    verdicts.append(_again(event, change, first))
                    continue
                if isinstance(change, Creation):
                    verdicts.append(made.verdict(event, change))
                    continue
                near = {one for alias in change.aliases for one in by_alias.get(UUID(alias), ())}
                writes = [write for one, write in opened.items() if one in near]
                verdicts.append(self._verdict(event, change, writes, rates))
            used = [one for one, write in opened.items() if write.fields != before[one]]
            if used:
                await connection.execute(USE, used, [_fields(opened[one]) for one in used])
            await made.keep(connection)
            await self._note(connection, changes, verdicts)
            return verdicts

    def _verdict(
        self, event: Event, change: ReportedChange, writes: list[OpenWrite], rates: dict[str, int]
    ) -> EchoVerdict:
        judged: EchoJudgement = sync.judge(change, writes, origin(event))
        told: dict[str, Any] = {"echoes": judged.echoes, "near": len(judged.near), "hops": judged.hops}
        fields = ", ".join(judged.echoes)[:LONGEST_TEXT]
        if judged.suppressed:
            altered = f"; came back altered: {', '.join(judged.near)[:LONGEST_TEXT]}" if judged.near else ""
            return EchoVerdict("suppressed", f"our own write came back: {fields}{altered}", event, **told)
        a_minute = 1 + max((rates.get(alias, 0) for alias in change.aliases), default=0)
        fault = self._limits.fault(judged.hops, a_minute)
        if fault is not None:
            return EchoVerdict("held", fault, event, **told)
        for alias in change.aliases:
            rates[alias] = rates.get(alias, 0) + 1
        passed = sync.only(event, judged)
        if judged.echoes:
            return EchoVerdict("mixed", f"without what we wrote ourselves: {fields}", passed, **told)
        why = "with other values than we wrote" if writes else "no write of ours is near"
        return EchoVerdict("passed", why, passed, **told)

    async def _note(
        self,
        connection: asyncpg.pool.PoolConnectionProxy,
        changes: Sequence[tuple[Event, Told]],
        verdicts: Sequence[EchoVerdict],
    ) -> None:
        rows: dict[tuple[UUID, UUID], tuple[Any, ...]] = {}
        for (event, change), verdict in zip(changes, verdicts, strict=True):
            one = UUID(origin(event))
            told = (storable(event.id), event.type, storable(change.entity)[:LONGEST_TEXT], verdict.decision)
            for alias in change.aliases:
                echoes = orjson.dumps(verdict.echoes).decode()
                led = (verdict.event.ledby or "") if verdict.decision == OURS else ""
                row = (UUID(alias), one, *told, verdict.why, verdict.hops, echoes, led)
                rows.setdefault((UUID(alias), one), row)
        columns = [list(column) for column in zip(*(rows[key] for key in sorted(rows)), strict=True)]
        await connection.execute(NOTE, *columns, self._limits.ledger_seconds)


def _again(event: Event, change: Told, row: asyncpg.Record) -> EchoVerdict:
    """The verdict of the first time."""
    echoes = tuple(orjson.loads(row["echoes"]))
    kept = event
    if row["decision"] == OURS:
        kept = ours(event, row["led"].split(","), row["hops"])
    elif row["decision"] in PASSING and isinstance(change, ReportedChange):
        foreign = tuple(field for field in change.fields if field not in echoes)
        kept = sync.only(event, EchoJudgement(echoes, (), foreign, row["hops"]))
    return EchoVerdict(row["decision"], row["why"], kept, echoes, hops=row["hops"])


def _open(row: asyncpg.Record) -> OpenWrite:
    fields = {name: Mark(*mark) for name, mark in orjson.loads(row["fields"]).items()}
    return OpenWrite(row["id"].hex, row["hops"], fields)


def _fields(write: OpenWrite) -> str:
    return orjson.dumps({name: [mark.exact, mark.near, mark.used_by] for name, mark in write.fields.items()}).decode()
