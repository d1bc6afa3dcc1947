"""`flows topics apply`: make the topics that are missing."""

from __future__ import annotations

import asyncio
import logging

from aiokafka.errors import KafkaError

from services.cli import installation
from services.cli.command import OPERATE, declare
from services.cli.terminal import CommandError
from services.runtime.kafka import make_topics

command = declare("topics", OPERATE, "The Kafka topics.")
REACH_SECONDS = 30.0


@command.command
def apply() -> None:
    """Make the topics that are missing, with the settings' partitions and replicas. Existing ones stay as they are."""
    settings = installation.settings()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

    async def make() -> list[str]:
        return await asyncio.wait_for(make_topics(settings), REACH_SECONDS)

    try:
        made = asyncio.run(make())
    except (KafkaError, OSError, TimeoutError) as error:
        told = f"Kafka at {settings.kafka_bootstrap!r}: {error or 'no answer in time'}"
        raise CommandError(f"{told}. {installation.how_to_reach('Kafka')}") from None
    print("\n".join(f"made {name}" for name in sorted(made)) or "All topics are there.")
