"""PostgreSQL: a pool and migrations. All access in batches, plain SQL."""

from __future__ import annotations

from importlib.resources import files

import asyncpg

LOCK = 0x666C6F7773  # "flows": only one process migrates at a time


async def connect(url: str, *, size: int = 4) -> asyncpg.Pool:
    """A pool. Raises OSError or asyncpg's PostgresError when the server does not answer."""
    return await asyncpg.create_pool(url, min_size=1, max_size=size, timeout=5, command_timeout=30)


async def migrate(url: str) -> list[str]:
    """Apply the migrations that are missing, in order, each in a transaction; answer their names. Twice is once."""
    connection = await asyncpg.connect(url, timeout=5)
    try:
        await connection.execute("select pg_advisory_lock($1)", LOCK)
        await connection.execute(
            "create table if not exists migrations (name text primary key, applied_at timestamptz default now())"
        )
        done = {row["name"] for row in await connection.fetch("select name from migrations")}
        folder = files("services.runtime") / "migrations"
        applied = []
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
            if entry.name.endswith(".sql") and entry.name not in done:
                async with connection.transaction():
                    await connection.execute(entry.read_text())
                    await connection.execute("insert into migrations (name) values ($1)", entry.name)
                applied.append(entry.name)
        return applied
    finally:
        await connection.close()
