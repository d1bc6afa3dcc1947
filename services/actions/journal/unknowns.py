"""Effects of which nobody knows whether they happened, kept with their request until a person decides."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

import asyncpg
import orjson

from contracts.actions import ActionRequest
from contracts.errors import ErrorCode
from services.actions.journal.effects import Key, State
from services.runtime.database import storable
from services.runtime.kafka import ConsumedRecord, Headers
from services.runtime.tables import audit

KEEP = """
insert into unknown_effects
    (account, effect_id, run_id, event_id, subject, flow, step, action, connection, code, cause, at, key, value,
     headers, went_on)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
on conflict (account, effect_id) do update
set at = excluded.at, went_on = excluded.went_on, code = excluded.code, cause = excluded.cause, decided = null,
    decided_at = null, reason = null
where unknown_effects.decided is not null
"""


async def keep(
    pool: asyncpg.Pool, key: Key, request: ActionRequest, record: ConsumedRecord, *, code: ErrorCode, cause: str
) -> None:
    """Put an effect in front of a person. Twice is once; after a decision it is a new question."""
    run = request.run
    texts = (run.id, run.event.id, run.event.subject, run.flow, request.step, request.action)
    await pool.execute(
        KEEP,
        *key,
        *map(storable, texts),
        None if request.connection is None else storable(request.connection),
        code.value,
        storable(cause[:2000]),
        datetime.now(UTC),
        record.key,
        record.value or b"",
        packed(record.headers),
        request.resume_on_error,
    )


def packed(headers: Headers) -> bytes:
    """Headers as JSON."""
    return orjson.dumps(
        [[name, None if value is None else base64.b64encode(value).decode()] for name, value in headers]
    )


def unpacked(content: bytes) -> Headers:
    """The other way."""
    pairs: list[Any] = orjson.loads(content)
    return [(name, None if value is None else base64.b64decode(value)) for name, value in pairs]


LIST = """
select account, effect_id, run_id, event_id, subject, flow, step, action, connection, code, cause, at, decided,
       decided_at, reason, went_on
from unknown_effects where decided is null or $1 order by at
"""
FIND = """
select account, effect_id, at, value, went_on from unknown_effects
where effect_id like $1 || '%' and decided is null order by at
"""
DECIDE = """
update unknown_effects set decided = $3, decided_at = now(), reason = $4
where account = $1 and effect_id = $2 and decided is null
returning key, value, headers, went_on, run_id, code
"""
# The row can have expired meanwhile: then one is made.
TELL = """
insert into effects
    (account, effect_id, state, guarantee, epoch, place, position, attempts, began_at, answer, expires_at)
values ($1, $2, $3, 'at_most_once', 0, '', 0, 0, now(), $4, now() + interval '7 days')
on conflict (account, effect_id) do update
set state = excluded.state, answer = excluded.answer, attempts = 0, began_at = now(), code = null, cause = null,
    maybe = false
"""


IS_OPEN = "select exists (select from unknown_effects where account = $1 and effect_id = $2 and decided is null)"
DECIDED = "unknown_call.decided"


class Decision(StrEnum):
    """What a person, or the destination, found out."""

    DONE = "done"  # it happened: the run goes on as if the call had been answered
    RESEND = "resend"  # it did not happen: call again


async def listed(connection: asyncpg.Connection, *, decided: bool) -> list[dict[str, Any]]:
    """What waits for a person, the oldest first; with `decided`, the others too."""
    return [dict(row) for row in await connection.fetch(LIST, decided)]


class Open(NamedTuple):
    """One that nobody has decided: since when, and its request as it was on `actions`.

    `went_on`: its flow went on with the error (`on_error: continue`), so a decision starts nothing more.
    """

    key: Key
    at: datetime
    value: bytes
    went_on: bool = False


class WentOnError(Exception):
    """A call whose flow went on without it cannot be made again by its run."""


async def found(connection: asyncpg.Connection, start: str) -> list[Open]:
    """The open ones whose id begins so, the oldest first."""
    rows = await connection.fetch(FIND, start.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_"))
    return [Open(Key(row["account"], row["effect_id"]), row["at"], row["value"], row["went_on"]) for row in rows]


async def is_open(pool: asyncpg.Pool, key: Key) -> bool:
    """Whether an effect is in front of a person, who has not decided yet."""
    return bool(await pool.fetchval(IS_OPEN, *key))


async def decide(
    connection: asyncpg.Connection,
    key: Key,
    decision: Decision,
    put: Callable[[bytes | None, bytes, Headers], Awaitable[object]],
    *,
    reason: str,
    who: str,
    outputs: dict[str, Any] | None = None,
) -> bool:
    """Write the decision, and `put` the request on `actions` again; False: somebody has decided already.

    A worker then finds in the journal that it was done, with these outputs, or that it may be sent. It cannot look
    before this is committed, and without its record nothing is. Where its flow went on without it, the decision is only
    written down; raises WentOnError for one to call again.
    """
    async with connection.transaction():
        row = await connection.fetchrow(DECIDE, *key, decision.value, storable(reason))
        if row is None:
            return False
        if row["went_on"] and decision is Decision.RESEND:
            raise WentOnError(
                "its flow went on without it (`on_error: continue`): make the call by hand, then say `done`"
            )
        before = {"code": row["code"], "run_id": row["run_id"], "went_on": row["went_on"]}
        told = audit.Decided(key.effect_id, reason, before, {"decided": decision.value})
        await audit.write(connection, who, DECIDED, [told])
        if row["went_on"]:
            return True
        done = decision is Decision.DONE
        state = State.DONE if done else State.CLAIMED
        await connection.execute(TELL, *key, state.value, orjson.dumps(outputs or {}) if done else None)
        await put(row["key"], row["value"], unpacked(row["headers"]))
        return True
