"""Events whose id was made of their content: which of them is a delivery that came before.

Content identifies a delivery for the minutes in which senders repeat one, and only until its subject has another: of
`Ana→Bea, Bea→Ana, Ana→Bea` the last is a change again, and `Ana→Bea` twice in a row is one.

All events of a subject lie in one partition, in the order in which Kafka took them, and each says itself when it was
taken. So what is decided of one follows from those before it alone: whoever does it again, after a crash and in any
grouping, decides the same. What was taken for new is kept with its position, and only what stands before a position is
asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter

import asyncpg

from services.runtime.database import storable
from services.tools import claims
from services.tools.claims import ClaimAnswer, EventClaim, SubjectOrder

OWN_ID = ""  # in place of a content: an event that has an id of its own, and so ends what was before

LATEST = """
select asked.account, asked.subject, asked.place, held.content, held.keys, held.since
from unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) as asked (account, subject, place, position)
cross join lateral (
    select content, keys, since from contents
    where account = asked.account and subject = asked.subject and place = asked.place and position < asked.position
    order by position desc limit 1
) as held
"""
# A row that is there is a replay's, and keeps what its first claimer noted; unless Kafka's topic was made anew.
WRITE = """
insert into contents as held (account, subject, place, position, content, keys, since, note, expires_at)
select *, now() + $9 from unnest(
    $1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::timestamptz[], $8::text[])
on conflict (account, subject, place, position) do update set
    note = case when held.content = excluded.content and held.since = excluded.since then held.note
           else excluded.note end,
    content = excluded.content, keys = excluded.keys, since = excluded.since, expires_at = excluded.expires_at
returning account, subject, place, position, note
"""
Group = tuple[str, str, str]
"""Account, subject and partition."""
Row = tuple[str, str, str, int, str, str, datetime, str]


@dataclass(frozen=True, slots=True)
class LatestContent:
    """The latest content of a subject, its events (a body can bring several), and when the first of them was taken."""

    content: str
    keys: tuple[str, ...]
    since: datetime


def judged(latest: LatestContent | None, key: str, among: SubjectOrder, keep: timedelta) -> tuple[bool, LatestContent]:
    """Whether an event whose id was made of its content is new, and what the latest of its subject is then."""
    content = among.content or OWN_ID
    if latest is None or latest.content != content or among.at - latest.since > keep:
        return True, LatestContent(content, (key,), among.at)
    if key in latest.keys:
        return False, latest
    return True, LatestContent(content, (*latest.keys, key), latest.since)


async def noted(pool: asyncpg.Pool, scope: str, wishes: Sequence[EventClaim], keep: timedelta) -> list[ClaimAnswer]:
    """As `claims.noted`, also for wishes whose id was made of their content.

    Raises what asyncpg raises; then the same wishes again give what they would have given.
    """
    by_content = [wish for wish in wishes if wish.among is not None and wish.among.content is not None]
    by_id = [wish for wish in wishes if wish.among is None or wish.among.content is None]
    among = [(wish, wish.among) for wish in wishes if wish.among is not None]
    claimed, latest = await asyncio.gather(
        claims.noted(pool, scope, by_id, keep), _latest(pool, [(wish.account, order) for wish, order in among])
    )
    notes: dict[str, ClaimAnswer] = {wish.claimed_by: note for wish, note in zip(by_id, claimed, strict=True)}
    new: dict[str, Row] = {}
    for wish, order in sorted(among, key=lambda one: one[1].offset):
        if wish.claimed_by in new:
            continue
        group = _group(wish.account, order)
        before = latest.get(group)
        if order.content is not None:
            is_new, after = judged(before, wish.key, order, wish.keep or keep)
        else:
            is_new = isinstance(notes[wish.claimed_by], str) and before is not None and before.content != OWN_ID
            after = LatestContent(OWN_ID, (), order.at)
        if is_new:
            latest[group] = after
            new[wish.claimed_by] = (*group, order.offset, after.content, " ".join(after.keys), after.since, wish.note)
    longest = max([keep, *(wish.keep for wish in by_content if wish.keep is not None)])
    kept = await _write(pool, new.values(), longest)
    notes |= {wish.claimed_by: None for wish in by_content}
    notes |= {claimer: kept[row[:4]] for claimer, row in new.items() if row[4] != OWN_ID}
    return [notes[wish.claimed_by] for wish in wishes]


def _group(account: str, order: SubjectOrder) -> Group:
    return storable(account), order.subject, order.partition


async def _latest(pool: asyncpg.Pool, asked: Sequence[tuple[str, SubjectOrder]]) -> dict[Group, LatestContent]:
    """The latest content of each subject before the first of its events that are asked about."""
    first: dict[Group, int] = {}
    for account, order in asked:
        group = _group(account, order)
        first[group] = min(order.offset, first.get(group, order.offset))
    if not first:
        return {}
    columns = zip(*((*group, position) for group, position in first.items()), strict=True)
    found = await pool.fetch(LATEST, *columns)
    return {
        (row["account"], row["subject"], row["place"]): LatestContent(
            row["content"], tuple(row["keys"].split()), row["since"]
        )
        for row in found
    }


async def _write(pool: asyncpg.Pool, rows: Iterable[Row], keep: timedelta) -> dict[tuple[str, str, str, int], str]:
    """Keep what is new; the note of each, which is that of the first who kept it."""
    # Sorted, so that two workers who keep the same rows wait for each other and never both.
    columns = list(zip(*sorted(rows, key=itemgetter(0, 1, 2, 3)), strict=True))
    if not columns:
        return {}
    kept = await pool.fetch(WRITE, *columns, keep)
    return {(row["account"], row["subject"], row["place"], row["position"]): row["note"] for row in kept}
