"""What people decided about dead letters, in PostgreSQL: the guard against redriving one twice."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from services.runtime.dead_letters.letters import FoundDeadLetter
from services.runtime.tables import audit

KNOWN = "select letter, decision, reason, decided_at from dead_letter_decisions where letter = any ($1::text[])"
DECIDE = """
insert into dead_letter_decisions (letter, decision, reason)
select letter, $2, $3 from unnest($1::text[]) as decided (letter) order by letter
on conflict (letter) do nothing returning letter
"""
FORGET = "delete from dead_letter_decisions where expires_at < now()"


@dataclass(frozen=True, slots=True)
class DeadLetterDecision:
    """One decision: `redriven` or `dropped`."""

    decision: str
    reason: str
    at: datetime


Connection = asyncpg.Connection | PoolConnectionProxy


async def known(connection: Connection, letters: Sequence[FoundDeadLetter]) -> dict[str, DeadLetterDecision]:
    """The decisions about these letters, by their ids."""
    by_guard = {letter.guard: letter.id for letter in letters}
    rows = await connection.fetch(KNOWN, list(by_guard))
    return {
        by_guard[row["letter"]]: DeadLetterDecision(row["decision"], row["reason"], row["decided_at"]) for row in rows
    }


async def decide(
    connection: Connection,
    letters: Sequence[FoundDeadLetter],
    decision: str,
    reason: str,
    *,
    who: str,
    changed: Collection[str] = (),
) -> list[FoundDeadLetter]:
    """Decide about those about which nobody has; answer them. Waits for who decides at the same time.

    In a transaction it holds with it: rolled back, nothing is decided. `changed`: the parts of the payload that are
    set anew.
    """
    await connection.execute(FORGET)
    async with connection.transaction():
        rows = await connection.fetch(DECIDE, [letter.guard for letter in letters], decision, reason)
        decided = {row["letter"] for row in rows}
        mine = [letter for letter in letters if letter.guard in decided]
        await audit.write(connection, who, f"dead_letter.{decision}", [_told(one, reason, changed) for one in mine])
    return mine


def _told(one: FoundDeadLetter, reason: str, changed: Collection[str]) -> audit.Decided:
    known = one.letter
    before = None if known is None else {"code": known.code.value, "run_id": known.run_id, "effect_id": known.effect_id}
    return audit.Decided(one.id, reason, before, {"set": sorted(changed)} if changed else None)
