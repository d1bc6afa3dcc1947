"""Effects of which nobody knows whether they happened, kept with their request until a person decides."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import asyncpg
import orjson

from contracts.actions import ActionRequest
from contracts.errors import ErrorCode
from services.actions.delivery.records import Headers, Record
from services.actions.journal.effects import Key
from services.runtime.database import storable

KEEP = """
insert into unknown_effects
    (account, effect_id, run_id, event_id, subject, flow, step, action, connection, code, cause, at, key, value,
     headers)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
on conflict (account, effect_id) do update
set at = excluded.at, code = excluded.code, cause = excluded.cause, decided = null, decided_at = null, reason = null
where unknown_effects.decided is not null
"""


async def keep(
    pool: asyncpg.Pool, key: Key, request: ActionRequest, record: Record, *, code: ErrorCode, cause: str
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
    )


def packed(headers: Headers) -> bytes:
    """Headers as JSON."""
    return orjson.dumps([[name, base64.b64encode(value).decode()] for name, value in headers])


def unpacked(content: bytes) -> Headers:
    """The other way."""
    pairs: list[Any] = orjson.loads(content)
    return [(name, base64.b64decode(value)) for name, value in pairs]
