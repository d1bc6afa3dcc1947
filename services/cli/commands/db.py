"""`flows db migrate`: bring the tables up to date."""

from __future__ import annotations

import asyncio

import asyncpg

from services.cli import installation
from services.cli.command import OPERATE, declare
from services.cli.terminal import CommandError
from services.runtime.database import MigrationChangedError
from services.runtime.database import migrate as apply

command = declare("db", OPERATE, "The database.")


@command.command
def migrate() -> None:
    """Make or change the tables of DATABASE_URL. Twice is once; several at a time wait for each other."""
    url = installation.settings().database_url
    try:
        applied = asyncio.run(apply(url))
    except asyncpg.LockNotAvailableError:
        raise CommandError(
            "a table that a migration changes was held for a minute by another session, so nothing of it was done. "
            "`select * from pg_stat_activity where state <> 'idle'` shows whose; then run this again"
        ) from None
    except MigrationChangedError as error:
        raise CommandError(
            f"{error}. Nothing was changed; run the release whose migrations these tables have"
        ) from None
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise installation.unanswered("PostgreSQL", error) from None
    print("\n".join(f"applied {name}" for name in applied) or "The tables are up to date.")
