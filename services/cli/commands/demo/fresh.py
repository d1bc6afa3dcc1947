"""Topics and tables of this demonstration's own, so that nothing of an earlier one, or of yours, is met."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from urllib.parse import urlsplit

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from services.cli.terminal import CommandError

MARK = "flows-demo-"
SCHEMA_MARK = "flows_demo_"
CLEAN_SECONDS = 15.0


@contextlib.contextmanager
def own(name: str, bootstrap: str, url: str, *, alone: bool) -> Iterator[dict[str, str]]:
    """Settings that name topics and tables of the demonstration `name`, and of nobody else; removed with the block.

    `alone`: nobody else uses these servers, so what a killed demonstration left is removed first.
    Raises CommandError when PostgreSQL refuses.
    """
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    if alone:
        _remove(bootstrap, url, "")
    try:
        asyncio.run(_make_schema(url, SCHEMA_MARK + name))
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise CommandError(f"no schema could be made in PostgreSQL: {error or 'no answer in time'}") from None
    try:
        # asyncpg sends what it does not know of a URL's query as a setting of the session.
        own_url = f"{url}{'&' if urlsplit(url).query else '?'}search_path={SCHEMA_MARK}{name}"
        yield {"FLOWS_TOPIC_PREFIX": f"{MARK}{name}.", "DATABASE_URL": own_url}
    finally:
        _remove(bootstrap, url, name)


def _remove(bootstrap: str, url: str, name: str) -> None:
    """Remove topics and tables of the demonstration `name`, without a name those of all. What fails, stays."""

    async def both() -> None:
        await asyncio.gather(_topics(bootstrap, MARK + name), _schemas(url, SCHEMA_MARK + name))

    with contextlib.suppress(KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        asyncio.run(asyncio.wait_for(both(), CLEAN_SECONDS))


async def _make_schema(url: str, schema: str) -> None:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(f'create schema "{schema}"')
    finally:
        await connection.close()


async def _topics(bootstrap: str, start: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        found = [topic for topic in await admin.list_topics() if topic.startswith(start)]
        if found:
            await admin.delete_topics(found)
    finally:
        await admin.close()


async def _schemas(url: str, start: str) -> None:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        for row in await connection.fetch("select nspname from pg_namespace where starts_with(nspname, $1)", start):
            await connection.execute(f'drop schema "{row["nspname"]}" cascade')
    finally:
        await connection.close()
