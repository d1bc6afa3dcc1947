"""Versions and deployments in PostgreSQL. What was written is never changed: a rollback is a deployment too."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from services.runtime.tables import audit

DEPLOYED, ROLLED_BACK = "deployment.made", "deployment.rolled_back"
LOCK = 0x6465706C6F79  # "deploy": one at a time

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy | asyncpg.Pool


@dataclass(frozen=True, slots=True)
class FlowVersion:
    """A flow's version with its text. `matching`: its waits read keys of events."""

    name: str
    version: str
    source: str
    matching: bool = False


@dataclass(frozen=True, slots=True)
class Deployment:
    """A set of flows that was current from a moment on, each in one version. Number 0: before the first.

    `triggers`: what sources files declare, as the flows were checked against it (`Declared.declaration`, by name).
    """

    number: int = 0
    at: datetime | None = None
    by: str = ""
    note: str = ""
    flows: Mapping[str, str] = field(default_factory=dict)
    triggers: Mapping[str, Any] = field(default_factory=dict)


async def current(connection: Connection) -> Deployment:
    """The newest deployment. Raises what asyncpg raises."""
    rows = await history(connection, 1)
    return rows[0] if rows else Deployment()


async def current_number(connection: Connection) -> int:
    """The number of the newest deployment; 0 for none."""
    number: int = await connection.fetchval("select coalesce(max(number), 0) from deployments")
    return number


async def history(connection: Connection, most: int) -> list[Deployment]:
    """The newest deployments first."""
    rows = await connection.fetch("select * from deployments order by number desc limit $1", most)
    return [_deployment(row) for row in rows]


async def numbered(connection: Connection, number: int) -> Deployment | None:
    """One deployment."""
    row = await connection.fetchrow("select * from deployments where number = $1", number)
    return _deployment(row) if row else None


async def versions(connection: Connection, wanted: Iterable[tuple[str, str]]) -> list[FlowVersion]:
    """Those of the wanted (name, version) that were ever deployed."""
    pairs = list(wanted)
    rows = await connection.fetch(
        """
        select v.name, v.version, v.source, v.matching from flow_versions v
        join unnest($1::text[], $2::text[]) as wanted (name, version) using (name, version)
        """,
        [name for name, _ in pairs],
        [version for _, version in pairs],
    )
    return [FlowVersion(*row) for row in rows]


async def versions_of(connection: Connection, name: str) -> list[tuple[str, datetime]]:
    """All versions of a flow with the time of their first deployment, the newest first."""
    rows = await connection.fetch(
        "select version, created_at from flow_versions where name = $1 order by created_at desc, version", name
    )
    return [(row["version"], row["created_at"]) for row in rows]


async def matching(connection: Connection) -> list[tuple[str, str]]:
    """All versions whose waits read keys of events."""
    rows = await connection.fetch("select name, version from flow_versions where matching")
    return [(row["name"], row["version"]) for row in rows]


async def deploy(
    connection: asyncpg.Connection | asyncpg.pool.PoolConnectionProxy,
    change: Callable[[Deployment, Sequence[FlowVersion]], tuple[Mapping[str, str], Sequence[FlowVersion]]],
    by: str,
    note: str = "",
    *,
    action: str = DEPLOYED,
    triggers: Mapping[str, Any] | None = None,
) -> Deployment:
    """Make a set current, all of it or nothing. Two at the same time happen one after the other.

    `change` is given the current deployment with its versions, and answers the new set with the versions that it needs.
    What it raises changes nothing. A set that is current already stays the deployment that it is. `action` is what
    `audit` calls it. `triggers`: what sources files declare now; others that were known stay.
    """
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", LOCK)
        before = await current(connection)
        flows, new = change(before, await versions(connection, before.flows.items()))
        known = {**before.triggers, **(triggers or {})}
        if before.number and dict(flows) == dict(before.flows) and known == before.triggers:
            return before
        await connection.executemany(
            "insert into flow_versions (name, version, source, matching) values ($1, $2, $3, $4)"
            " on conflict do nothing",
            [(one.name, one.version, one.source, one.matching) for one in new],
        )
        (row,) = await connection.fetch(
            "insert into deployments (number, created_by, note, flows, triggers)"
            " values ($1, $2, $3, $4::jsonb, $5::json) returning *",
            before.number + 1,
            by,
            note,
            orjson.dumps(dict(flows)).decode(),
            json.dumps(known),
        )
        after = _deployment(row)
        await audit.write(connection, by, action, [_decided(before, after)])
        return after


def _decided(before: Deployment, after: Deployment) -> audit.Decided:
    """What was changed: flows with other versions, new ones, and those that are gone."""
    changed = {pair[0] for pair in before.flows.items() ^ after.flows.items()}
    was, became = (
        {"number": one.number, "flows": {name: one.flows[name] for name in sorted(changed & one.flows.keys())}}
        for one in (before, after)
    )
    return audit.Decided(f"deployment {after.number}", after.note, was if before.number else None, became)


def _deployment(row: asyncpg.Record) -> Deployment:
    told = (row["number"], row["created_at"], row["created_by"], row["note"])
    return Deployment(*told, orjson.loads(row["flows"]), json.loads(row["triggers"] or "{}"))
