"""PostgreSQL: a pool, migrations, and patience while it is away. All access in batches, plain SQL."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import TypeVar

import asyncpg
from asyncpg.connection import LoggedQuery

from contracts.ids import stable_id
from services.runtime import logging, metrics
from services.runtime.back_off import BackOff
from services.runtime.cures import curable

T = TypeVar("T")
LOCK = 0x666C6F7773  # "flows": only one process migrates at a time
LOCK_SECONDS = 1.0
LOCK_TRIES = 30
CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 15.0
LONGEST_NAME = 200
# A plan is kept as it was made when its table was empty, and then a scan of the whole table looks cheap: at 72,000 rows
# the journal's statement took 13 ms instead of 0.9. All that goes through a pool looks up some rows by their keys.
# `plan_cache_mode = force_custom_plan` helps as well, for 0.5 ms of planning each time. What is forbidden and done all
# the same counts as dear up to PostgreSQL 17, which would have it compiled: so no `jit`.
BY_KEYS = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off", "jit": "off"}
FAULTS = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What a query raises. A loop that tries again asks `services.runtime.cures` which of them waiting cures.

The last one comes from a connection whose server was killed in the middle of a query, and that a pool gave out again.
"""


class MigrationChangedError(Exception):
    """The tables were made by other migrations than this version has."""


async def connect(url: str, *, size: int = 4) -> asyncpg.Pool:
    """A pool of at most `size` connections. Raises one of FAULTS when the server does not answer within 5 s.

    A pool outlives its server: connections that broke are made anew by the next query; so are those to a server that
    takes no writes any more, as another one is the primary now. It is for rows by their keys: who reads a whole table
    uses a connection of its own.
    """
    pool: asyncpg.Pool = asyncpg.create_pool(
        url,
        min_size=1,
        max_size=size,
        timeout=CONNECT_SECONDS,
        command_timeout=COMMAND_SECONDS,
        server_settings=BY_KEYS,
        init=lambda connection: _leave_replicas(pool, connection),
        reset=_as_it_is,
    )
    return await pool


async def _as_it_is(_connection: asyncpg.Connection) -> None:
    """Nothing is set for a session here, so nothing is to be reset: that was one more statement for each of ours.

    A transaction that was left open is rolled back by the pool itself.
    """


async def _leave_replicas(pool: asyncpg.Pool, connection: asyncpg.Connection) -> None:
    """A server that was the primary keeps its connections, and refuses each write on them for ever."""

    async def look(query: LoggedQuery) -> None:
        if isinstance(query.exception, asyncpg.ReadOnlySQLTransactionError):
            await pool.expire_connections()

    connection.add_query_logger(look)


async def answers(pool: asyncpg.Pool) -> None:
    """Raise one of FAULTS unless PostgreSQL answers now."""
    await pool.execute("select 1")


async def patiently(what: str, work: Callable[[], Awaitable[T]], on_wait: Callable[[], object] = lambda: None) -> T:
    """Do the work; while PostgreSQL is away, wait and do it again, for ever. So the work must bear being done twice.

    Each wait is counted, the first and each for another cause is logged, as is the end of them. `on_wait` is called at
    each: waiting for a part that is known to be away is no stall.
    Raises what no waiting cures (`cures.NEVER`, and what is no part's error): the fault of what the work holds.
    """
    log = logging.get("database")
    back_off = BackOff()
    while True:
        try:
            done = await work()
        except Exception as error:
            if not curable(error):
                raise
            on_wait()
            metrics.WAITS.labels("postgresql").inc()
            if back_off.news(error):
                cause = f"{type(error).__name__}: {error}"[:500]
                log.warning("database.awaited", work=what, attempt=back_off.attempt + 1, cause=cause)
        else:
            if back_off.attempt:
                log.info("database.answered", work=what, attempts=back_off.attempt)
            return done
        await back_off.wait()


def storable(text: str) -> str:
    r"""The text in a form that PostgreSQL can keep: it has no NUL character. Different texts stay different.

    >>> storable("a\0b")
    'a\\0b'
    """
    return text.replace("\\", "\\\\").replace("\0", "\\0")


def short(name: str) -> str:
    """What PostgreSQL can keep in an index. Different names stay different."""
    return storable(name) if len(name) <= LONGEST_NAME else stable_id(name)


async def apply(connection: asyncpg.Connection, name: str, statements: str) -> None:
    """Apply one migration, while old workers run.

    Whoever comes to a table that a migration waits for waits behind it: so it waits a little only, lets them pass, and
    tries again. Raises LockNotAvailableError when it never had the table.
    """
    for left in reversed(range(LOCK_TRIES)):
        try:
            async with connection.transaction():
                await connection.execute(f"set local lock_timeout = '{LOCK_SECONDS:g}s'")
                await connection.execute(statements)
                await connection.execute("insert into migrations (name, hash) values ($1, $2)", name, _hash(statements))
        except asyncpg.LockNotAvailableError:
            if not left:
                raise
            await asyncio.sleep(LOCK_SECONDS)
        else:
            return


async def migrate(url: str) -> list[str]:
    """Apply the migrations that are missing, in order, each in a transaction; answer their names. Twice is once.

    Raises MigrationChangedError, before anything is applied, for one that was applied with another text.
    """
    connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS)
    try:
        await connection.execute("select pg_advisory_lock($1)", LOCK)
        await connection.execute(
            "create table if not exists migrations (name text primary key, applied_at timestamptz default now())"
        )
        await connection.execute("alter table migrations add column if not exists hash text")
        done = {row["name"]: row["hash"] for row in await connection.fetch("select name, hash from migrations")}
        folder = files("services.runtime") / "migrations"
        texts = {entry.name: entry.read_text() for entry in folder.iterdir() if entry.name.endswith(".sql")}
        for name, was in done.items():
            if was is not None and name in texts and was != _hash(texts[name]):
                raise MigrationChangedError(
                    f"{name} was applied here with another text: a migration is never changed, a new one is added"
                )
        missing = [name for name in sorted(texts) if name not in done]
        for name in missing:
            await apply(connection, name, texts[name])
        # Those that a release applied which kept no hash.
        await connection.executemany(
            "update migrations set hash = $2 where name = $1 and hash is null",
            [(name, _hash(text)) for name, text in texts.items()],
        )
        return missing
    finally:
        await connection.close()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
