"""`flows sync explain`: what we wrote to one entity or made of it, what came in of it, and why each passed or not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import orjson
from cyclopts import Parameter

from services.cli import database, times
from services.cli.command import OPERATE, declare
from services.cli.terminal import SHORT, Limit, console, show
from services.flows.creations import NEW
from services.flows.entities import ALIASES, alias_hash
from services.flows.sync import people, system_of

COLUMNS = ("at", "what", "system", "decision", "fields", "why", "hops", "id")
PEOPLE = ("at", "what", "fields", "why", "hops", "id")
command = declare(
    "sync", OPERATE, "Our own echoes: what we wrote and made, what came back, and why an event passed or not."
)

SYSTEMS = "select distinct system from echoes where account = $1 union select distinct type from sync_ledger"
WRITES = """
select distinct on (echo.at, echo.id) echo.at, echo.system, echo.flow, echo.run_id, echo.fields, echo.hops,
       echo.expires_at, echo.makes, echo.led, echo.told
from echo_aliases known join echoes echo on echo.id = known.echo
where known.alias = any ($1::uuid[]) order by echo.at, echo.id
"""
CHANGES = """
select distinct on (at, origin) at, type, event_id, decision, why, hops from sync_ledger
where alias = any ($1::uuid[]) order by at, origin
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One write of ours, something new that a call of ours may have made, or one event that came in."""

    at: datetime
    what: str
    system: str
    decision: str
    fields: str
    why: str
    hops: int
    id: str

    def row(self, *, as_json: bool) -> dict[str, Any]:
        """For the list. For people, so much as fits on a terminal."""
        fields = {name: getattr(self, name) for name in COLUMNS}
        if as_json:
            return {**fields, "at": self.at.isoformat()}
        by = {"write": "written by ", "new": "added by "}.get(self.what, "")
        what = f"{self.system}: {by}{self.decision}"
        return {**fields, "at": times.clock(self.at), "what": what, "id": self.id[:SHORT]}


@command.command(name="explain")
def explain(
    entity: Annotated[str, Parameter(name="ENTITY")],
    *,
    account: str = "default",
    limit: Limit = 50,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """What we wrote to one entity or made, the events that came in of it, and what became of each. Newest last.

    Parameters
    ----------
    entity:
        A contact's id, e-mail or phone, in any spelling.
    account:
        Whose.
    limit:
        At most so many, the newest.
    as_json:
        Print a JSON array.
    """
    found = database.ask(lambda connection: _lines(connection, account, entity))
    nothing = f"Nothing was written to {entity!r}, and no change of it came in, within what is kept."
    show([one.row(as_json=as_json) for one in found[-limit:]], PEOPLE, as_json=as_json, empty=nothing)
    if not as_json and found:
        console().print("A write answers for one change with its values, until its time is over. Whole ids: --json.")


async def _lines(connection: asyncpg.Connection, account: str, entity: str) -> list[Line]:
    told = [row["system"] for row in await connection.fetch(SYSTEMS, account)]
    systems = {one for each in told for one in (each, system_of(each))}
    kinds = [kind for name in ALIASES for kind in (name, NEW + name)]
    aliases = [UUID(alias_hash(account, system, kind, entity)) for system in systems for kind in kinds]
    lines = [_write(row) for row in await connection.fetch(WRITES, aliases)]
    for row in await connection.fetch(CHANGES, aliases):
        system = system_of(row["type"])
        lines.append(Line(row["at"], "change", system, row["decision"], "", row["why"], row["hops"], row["event_id"]))
    return sorted(lines, key=lambda line: (line.at, line.what == "new"))


def _write(row: asyncpg.Record) -> Line:
    if row["makes"] is not None:
        came = "came once without its id; " if row["told"] is not None else ""
        why = f"{came}what tells of it does not start {', '.join(row['led'].split(','))}"
        return Line(row["at"], "new", row["system"], row["flow"], row["makes"], why, row["hops"], row["run_id"])
    fields = orjson.loads(row["fields"])
    back = people(name for name, mark in fields.items() if mark[2] is not None)
    waits_for = people(name for name, mark in fields.items() if mark[2] is None)
    told = [f"came back: {', '.join(back)}"] if back else []
    told += [f"until {times.clock(row['expires_at'])} waits for: {', '.join(waits_for)}"] if waits_for else []
    why = "; ".join(told)
    names = ", ".join(people(fields))
    return Line(row["at"], "write", row["system"], row["flow"], names, why, row["hops"], row["run_id"])
