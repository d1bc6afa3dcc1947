"""202 is a promise, at length.

Kafka away for 60 s under load, ten SIGKILLs of the gateway, and 4 clients redelivering the same 10,000 events while
Kafka and the gateway are killed twice each. Prints what the senders were told; ends with an error when a promise broke.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable
from pathlib import Path

from deploy.local import KafkaServer
from tests.support import gateway_chaos
from tests.support.gateway_chaos import Answers
from tests.support.servers import servers

AWAY_SECONDS = 60.0
KILLS = 10
EVENTS = 10_000


async def told(what: str, work: Awaitable[Answers]) -> None:
    """Do it, and print the account."""
    begun = time.monotonic()
    answers = await work
    print(
        f"{what}: {len(answers.accepted)} accepted and found, {answers.unavailable} clear 503, {answers.cut} cut off, "
        f"{time.monotonic() - begun:.0f} s",
        flush=True,
    )


async def story(kafka: KafkaServer, url: str, folder: Path) -> None:
    """All three."""
    folders = [folder / name for name in ("stopped", "killed", "same")]
    for each in folders:
        each.mkdir()
    await told(
        f"Kafka away for {AWAY_SECONDS:g} s", gateway_chaos.kafka_stopped(kafka, "stopped.", folders[0], AWAY_SECONDS)
    )
    await told(f"{KILLS} SIGKILLs of ingest", gateway_chaos.gateway_killed(kafka, "killed.", folders[1], KILLS))
    await told(
        f"4 clients, the same {EVENTS} events", gateway_chaos.redelivered(kafka, url, "same.", folders[2], EVENTS)
    )


def main() -> None:
    """Start the parts and run."""
    argparse.ArgumentParser(prog="python -m tests.bench.ingest_chaos", description=__doc__).parse_args()
    with servers() as parts:
        asyncio.run(story(parts.kafka, parts.postgres.url, parts.folder))


if __name__ == "__main__":
    main()
