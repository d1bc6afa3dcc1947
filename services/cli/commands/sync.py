"""`flows sync explain`: what we wrote to one entity or made of it, what came in of it, and why each passed or not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import asyncpg
from cyclopts import Parameter

from services.cli import database, times
from services.cli.command import OPERATE, declare
from services.cli.terminal import SHORT, Limit, console, show
from services.flows.sync import people
from services.tools.echoes import entity_changes
from services.tools.echoes.entity_changes import CameIn, OurWrite

COLUMNS = ("at", "what", "system", "decision", "fields", "why", "hops", "id")
PEOPLE = ("at", "what", "fields", "why", "hops", "id")
command = declare(
    "sync", OPERATE, "Our own echoes: what we wrote and made, what came back, and why an event passed or not."
)


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
    writes, changes = await entity_changes.known_of(connection, account, entity)
    lines = [_write(one) for one in writes] + [_change(one) for one in changes]
    return sorted(lines, key=lambda line: (line.at, line.what == "new"))


def _change(one: CameIn) -> Line:
    return Line(one.at, "change", one.system, one.decision, "", one.why, one.hops, one.event_id)


def _write(one: OurWrite) -> Line:
    if (made := one.made) is not None:
        came = "came once without its id; " if made.told else ""
        why = f"{came}what tells of it does not start {', '.join(made.led)}"
        return Line(one.at, "new", one.system, one.flow, made.trigger, why, one.hops, one.run_id)
    back = people(name for name, came in one.fields.items() if came)
    waits_for = people(name for name, came in one.fields.items() if not came)
    told = [f"came back: {', '.join(back)}"] if back else []
    told += [f"until {times.clock(one.expires_at)} waits for: {', '.join(waits_for)}"] if waits_for else []
    names = ", ".join(people(one.fields))
    return Line(one.at, "write", one.system, one.flow, names, "; ".join(told), one.hops, one.run_id)
