"""What calls of ours may have made, as the tables know it within a transaction that judges events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from contracts.events import Event
from contracts.writes import SETS
from services.flows import creations
from services.flows.creations import Creation, Maker, new_hash
from services.flows.entities import name_text
from services.runtime.database import short
from services.runtime.tables import effects as journal
from services.tools.echoes.echo_verdict import OURS, EchoVerdict
from services.tools.timers.timer import origin

LONGEST_TEXT = 300

TOLD = """
update echoes as echo set told = now_.told from unnest($1::uuid[], $2::uuid[]) as now_ (id, told)
where echo.id = now_.id
"""


class PossibleCreations:
    """Those that the events of a batch may tell of. `by_alias`: which of them has an alias."""

    def __init__(self, makers: Mapping[UUID, tuple[str, Maker]], by_alias: Mapping[UUID, Iterable[UUID]]) -> None:
        self._makers = makers
        self._by_alias = by_alias
        self._before = {one: maker.told for one, (_, maker) in makers.items()}

    def verdict(self, event: Event, creation: Creation) -> EchoVerdict:
        """Whether we made it, and which flows must not start by it."""
        near = {one for alias in creation.aliases for one in self._by_alias.get(UUID(alias), ())}
        opened = [maker for one, (trigger, maker) in self._makers.items() if one in near and trigger == event.type]
        found = creations.makers(creation, opened, origin(event))
        if not found:
            why = "somebody else made it, and not a call of ours" if opened else "no call of ours is near"
            return EchoVerdict("passed", why, event)
        flows = tuple(dict.fromkeys(name for maker in found for name in maker.flows))
        hops = 1 + max(maker.hops for maker in found)
        by = "its id" if found[0].surely(creation) else "e-mail or phone"
        why = f"a call of ours made it, known by {by}: it does not start {', '.join(flows)}"[:LONGEST_TEXT]
        return EchoVerdict(OURS, why, creations.ours(event, flows, hops), hops=hops)

    async def keep(self, connection: asyncpg.pool.PoolConnectionProxy) -> None:
        """Write which events were taken for whose."""
        now = {one: maker.told for one, (_, maker) in self._makers.items() if maker.told != self._before[one]}
        if now:
            await connection.execute(TOLD, list(now), [UUID(told) for told in now.values()])


async def read(
    connection: asyncpg.pool.PoolConnectionProxy,
    account_of: Mapping[UUID, str],
    rows: Sequence[asyncpg.Record],
    by_alias: Mapping[UUID, Iterable[UUID]],
) -> PossibleCreations:
    """What these rows of `echoes` may have made, oldest first. `account_of`: by an alias, whose event asks for it."""
    known: dict[UUID, set[UUID]] = {}
    accounts: dict[UUID, str] = {}
    for alias, echoes in by_alias.items():
        for one in echoes:
            known.setdefault(one, set()).add(alias)
            accounts[one] = account_of[alias]
    rows = [row for row in rows if row["id"] in known]  # an alias may have expired just now
    if not rows:
        return PossibleCreations({}, by_alias)
    effects = [(short(accounts[row["id"]]), short(row["effect_id"])) for row in rows]
    calls = await journal.calls(connection, effects)
    made: dict[UUID, tuple[str, Maker]] = {}
    for row, effect in zip(rows, effects, strict=True):
        aliases = frozenset(alias.hex for alias in known[row["id"]])
        made[row["id"]] = (row["makes"], _maker(row, aliases, accounts[row["id"]], calls.get(effect)))
    return PossibleCreations(made, by_alias)


def _maker(row: asyncpg.Record, aliases: frozenset[str], account: str, call: asyncpg.Record | None) -> Maker:
    """As the journal says what became of the call. One that never left, or failed for sure, made nothing."""
    until = None if call is None or call["under_way"] else call["began_at"] + timedelta(seconds=row["seconds"])
    return Maker(
        row["id"].hex,
        tuple(row["led"].split(",")),
        aliases,
        row["hops"],
        email=None if row["email"] is None else row["email"].hex,
        made=None if call is None else _id(row["makes"], account, call["answer"]),
        may=call is not None and call["may"],
        until=until,
        told=None if row["told"] is None else row["told"].hex,
    )


def _id(trigger: str, account: str, answer: bytes | None) -> str | None:
    """What a call answered that it made, as a hash."""
    outputs: Any = orjson.loads(answer) if answer else None
    if not isinstance(outputs, dict):
        return None
    for sets in SETS.values():
        if sets.makes == trigger and (text := name_text(outputs.get(sets.made))) is not None:
            return new_hash(account, sets.system, "id", text)
    return None
