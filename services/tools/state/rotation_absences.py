"""Rotations for people: what each member got, and who is away by switch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from services.flows.state.cells import Cell
from services.flows.state.rotations import KEPT_SECONDS, KIND, NEW, is_away, switched
from services.runtime.database import storable
from services.runtime.tables import audit

ALL = """
select name, state from state_cells
where kind = 'rotation' and account = $1 and expires_at > now() and ($2::text is null or name = $2) order by name
"""
BEGIN = """
insert into state_cells (id, account, kind, name, state, expires_at)
values ($1, $2, 'rotation', $3, $4, now() + make_interval(secs => $5)) on conflict (id) do nothing
"""
LOCK = "select state, extract(epoch from clock_timestamp())::float8 as now from state_cells where id = $1 for update"
SAVE = "update state_cells set state = $2, expires_at = now() + make_interval(secs => $3) where id = $1"


@dataclass(frozen=True, slots=True)
class Rotation:
    """A rotation as it stands."""

    name: str
    state: Mapping[str, Any]

    @property
    def members(self) -> list[dict[str, Any]]:
        """Each with its turns, its exact share of the turns that it was present for, and until when it is away."""
        names = dict.fromkeys([*self.state["members"], *self.state["away"]])
        return [self._member(name) for name in names]

    def _member(self, name: str) -> dict[str, Any]:
        got = self.state["members"].get(name) or {"turns": 0, "due": 0.0}
        away = self.state["away"]
        return {
            "member": name,
            "turns": got["turns"],
            "exact_share": round(got["due"], 2),
            "difference": round(got["turns"] - got["due"], 2),
            "away": name in away,
            "away_until": away.get(name),
        }


async def rotations(connection: asyncpg.Connection, account: str, name: str | None = None) -> list[Rotation]:
    """All rotations of an account, or the one of a name, if it is there."""
    told = None if name is None else storable(name)
    rows = await connection.fetch(ALL, storable(account), told)
    return [Rotation(row["name"], orjson.loads(row["state"])) for row in rows]


async def switch(
    connection: asyncpg.Connection,
    account: str,
    name: str,
    *,
    away: Sequence[str] = (),
    back: Sequence[str] = (),
    for_seconds: float | None = None,
    who: str,
) -> Rotation:
    """Put members away, for good or for a time, and others back. From the next batch on, in every worker.

    A rotation that had no turn yet is made. What is switched off and not in a flow's list does no harm. `who` is for
    `audit`.
    """
    one = Cell(KIND, (name,)).id(account)
    async with connection.transaction():
        await connection.execute(
            BEGIN, one, storable(account), storable(name), orjson.dumps(NEW).decode(), KEPT_SECONDS
        )
        row = await connection.fetchrow(LOCK, one)
        assert row is not None  # noqa: S101 - it was just made, if it was not there
        state = orjson.loads(row["state"])
        # What is over is forgotten, so that names do not heap up.
        over = [member for member in state["away"] if not is_away(state["away"], member, row["now"])]
        until = None if for_seconds is None else row["now"] + for_seconds
        before = dict(state["away"])
        state = switched(state, dict.fromkeys(away, until), [*back, *over])
        await connection.execute(SAVE, one, orjson.dumps(state).decode(), KEPT_SECONDS)
        told = audit.Decided(f"rotation {account}/{name}", "", {"away": before}, {"away": dict(state["away"])})
        await audit.write(connection, who, "rotation.switched", [told])
    return Rotation(storable(name), state)
