"""`flows cancel`: end waits by hand; their runs end as filtered."""

from __future__ import annotations

import asyncio
import getpass
from typing import Annotated

from aiokafka.errors import KafkaError
from cyclopts import Parameter

from contracts.runs import EndedBy, Wake
from services.cli import database, installation, wait_rows
from services.cli.command import OPERATE, declare
from services.cli.terminal import CommandError, show
from services.runtime import kafka
from services.runtime.kafka.publishing import BatchPublisher
from services.tools.timers import timer, waits

BATCH = 500
SECONDS = 60.0
command = declare("cancel", OPERATE)


@command.default
def cancel_waits(
    *,
    run: str | None = None,
    key: str | None = None,
    flow: str | None = None,
    why: str | None = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """End waits by hand. Their runs end as filtered; runs that do not wait are not touched.

    Give one of --run, --key and --flow, or several, which must all fit.

    Parameters
    ----------
    run:
        A run's id, or its first 12 characters, as `flows runs --waiting` shows them.
    key:
        The subject of the runs: a phone in any spelling, an e-mail, whatever their flow has as `key`.
    flow:
        Every wait of this flow.
    why:
        What history says; without it, who did it.
    dry_run:
        Show what would end, and end nothing.
    as_json:
        Print a JSON array of what ended.
    """
    wanted = waits.Wanted(run, key, flow)
    if wanted == waits.Wanted():
        raise CommandError("say what to cancel: --run ID, --key KEY or --flow NAME", 2)
    if dry_run:
        found = database.ask(lambda connection: waits.find(connection, wanted))
    else:
        reason = f"cancelled by hand: {why or getpass.getuser()}"
        found = asyncio.run(_cancel(wanted, reason))
    show(
        [wait_rows.row(one, as_json=as_json) for one in found],
        wait_rows.COLUMNS,
        as_json=as_json,
        empty="Nothing that waits fits. `flows runs --waiting` shows what does.",
    )
    if not as_json and found:
        print(f"{len(found)} would be cancelled." if dry_run else f"{len(found)} cancelled.")


async def _cancel(wanted: waits.Wanted, why: str) -> list[waits.Waiting]:
    """Tell Kafka first, then delete: a wait that fires meanwhile ends once, whichever record is read first."""
    async with database.connected() as connection:
        found = await waits.find(connection, wanted)
        if not found:
            return []
        producer = kafka.Producer(installation.settings())
        try:
            await asyncio.wait_for(producer.start(), SECONDS)
            for begin in range(0, len(found), BATCH):
                batch = found[begin : begin + BATCH]
                wakes = [Wake(timer=one.timer, due=one.due, by=EndedBy.HAND, why=why[:300]) for one in batch]
                await asyncio.wait_for(
                    BatchPublisher(producer).publish(
                        [timer.record(one.key, one.body, wake) for one, wake in zip(batch, wakes, strict=True)]
                    ),
                    SECONDS,
                )
                await waits.cancelled(connection, batch, why)
        except (KafkaError, OSError, TimeoutError) as error:
            told = error or "no answer in time"
            raise CommandError(f"Kafka: {told}. {installation.how_to_reach('Kafka')}") from None
        finally:
            await producer.stop()
    return found
