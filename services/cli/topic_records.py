"""Reading a topic for a person at the terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from aiokafka import ConsumerRecord

from contracts.topics import Topic
from services.cli.installation import how_to_reach
from services.cli.terminal import CommandError
from services.runtime.kafka import topic_reading
from services.runtime.settings import RuntimeSettings


async def read(
    settings: RuntimeSettings, topic: Topic, since: datetime | None = None
) -> AsyncIterator[ConsumerRecord[bytes, bytes]]:
    """The records of a topic, in the order of each partition. Commits nothing, joins no group.

    Raises CommandError when Kafka does not answer or has no such topic.
    """
    topic_reading.quietly()
    try:
        async for record in topic_reading.read(settings, topic, since):
            yield record
    except (topic_reading.UnreachableError, topic_reading.NoTopicError) as error:
        raise unread(settings, error) from None


def unread(
    settings: RuntimeSettings, error: topic_reading.UnreachableError | topic_reading.NoTopicError
) -> CommandError:
    """What a person can do about it."""
    if isinstance(error, topic_reading.NoTopicError):
        return CommandError(
            f"Kafka has no topic {str(error)!r}. Make it with `flows topics apply`, or look at FLOWS_TOPIC_PREFIX"
        )
    return CommandError(f"Kafka does not answer at {settings.kafka_bootstrap!r} ({error}). {how_to_reach('Kafka')}")
