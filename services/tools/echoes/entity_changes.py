"""What is known of one entity: what we wrote to it or made of it, and its changes that came in. For who asks why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import orjson
from asyncpg.pool import PoolConnectionProxy

from services.flows.creations import NEW
from services.flows.entities import ALIASES, alias_hash
from services.flows.sync import system_of

SYSTEMS = "select distinct system from echoes where account = $1 union select distinct type from sync_ledger"
WRITES = """
select distinct on (echo.at, echo.id) echo.at, echo.system, echo.flow, echo.run_id, echo.fields, echo.hops,
       echo.expires_at, echo.makes, echo.led, echo.told is not null as told
from echo_aliases known join echoes echo on echo.id = known.echo
where known.alias = any ($1::uuid[]) order by echo.at, echo.id
"""
CHANGES = """
select distinct on (at, origin) at, type, event_id, decision, why, hops from sync_ledger
where alias = any ($1::uuid[]) order by at, origin
"""


@dataclass(frozen=True, slots=True)
class Made:
    """What a call of ours makes: `trigger` tells of it, and does not start the flows `led`. `told`: it came once."""

    trigger: str
    led: tuple[str, ...]
    told: bool


@dataclass(frozen=True, slots=True)
class OurWrite:
    """A call of ours. `fields`: what it sets, each with whether that came back. `made`: of something new, else None."""

    at: datetime
    system: str
    flow: str
    run_id: str
    hops: int
    expires_at: datetime
    fields: dict[str, bool]
    made: Made | None


@dataclass(frozen=True, slots=True)
class CameIn:
    """A change that an event told, and what became of it."""

    at: datetime
    system: str
    event_id: str
    decision: str
    why: str
    hops: int


async def known_of(
    connection: asyncpg.Connection | PoolConnectionProxy, account: str, entity: str
) -> tuple[list[OurWrite], list[CameIn]]:
    """What is kept of an entity by any of its names: an id, e-mail or phone in any spelling. Oldest first."""
    told = [row["system"] for row in await connection.fetch(SYSTEMS, account)]
    systems = {one for each in told for one in (each, system_of(each))}
    kinds = [kind for name in ALIASES for kind in (name, NEW + name)]
    aliases = [UUID(alias_hash(account, system, kind, entity)) for system in systems for kind in kinds]
    writes = [_write(row) for row in await connection.fetch(WRITES, aliases)]
    return writes, [_came_in(row) for row in await connection.fetch(CHANGES, aliases)]


def _write(row: asyncpg.Record) -> OurWrite:
    made = None if row["makes"] is None else Made(row["makes"], tuple(row["led"].split(",")), row["told"])
    fields = {name: mark[2] is not None for name, mark in orjson.loads(row["fields"]).items()}
    same = {name: row[name] for name in ("at", "system", "flow", "run_id", "hops", "expires_at")}
    return OurWrite(**same, fields=fields, made=made)


def _came_in(row: asyncpg.Record) -> CameIn:
    same = {name: row[name] for name in ("at", "event_id", "decision", "why", "hops")}
    return CameIn(system=system_of(row["type"]), **same)
