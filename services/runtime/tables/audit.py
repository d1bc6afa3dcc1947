"""The table `audit`: what people decided, when and who, and what it was before and after.

A row is written in the transaction of the change, on its connection: so there is none without the other. It holds no
payload, as nobody forgets a person here.
"""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson
from asyncpg.pool import PoolConnectionProxy

from contracts.json_values import plain
from services.runtime.database import storable

LONGEST_TEXT = 500
WRITE = """
insert into audit (who, action, target, reason, was, became)
select $1, $2, * from unnest($3::text[], $4::text[], $5::jsonb[], $6::jsonb[])
"""


@dataclass(frozen=True, slots=True)
class Decided:
    """One thing that a person changed, in JSON. None: it was not there before, or is not there after."""

    target: str
    reason: str = ""
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


def direct() -> str:
    """Who sits at this command line, which asks nobody for a right: user@host, direct."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        user = "unknown"
    return f"{user}@{socket.gethostname()}, direct"


async def write(
    connection: asyncpg.Connection | PoolConnectionProxy, who: str, action: str, decided: Iterable[Decided]
) -> None:
    """Write a row for each, within the transaction that changes it. `action` is `noun.verb_past`."""
    rows = [
        (
            storable(one.target)[:LONGEST_TEXT],
            storable(one.reason)[:LONGEST_TEXT],
            None if one.before is None else orjson.dumps(plain(one.before)).decode(),
            None if one.after is None else orjson.dumps(plain(one.after)).decode(),
        )
        for one in decided
    ]
    if rows:
        columns = (list(column) for column in zip(*rows, strict=True))
        await connection.execute(WRITE, storable(who)[:LONGEST_TEXT], action, *columns)
