"""Topics, made one way."""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from contracts.topics import ALL, DAY_SECONDS, Topic
from services.runtime.kafka.sizes import DEAD_LETTERS, MAX_DEAD_BYTES, MAX_RECORD_BYTES
from services.runtime.settings import RuntimeSettings


async def make_topics(settings: RuntimeSettings, topics: Iterable[Topic] = ALL) -> list[str]:
    """Create the topics that are missing; answer their names. Existing ones are left as they are."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    await admin.start()
    try:
        wanted = [
            NewTopic(
                topic.under(settings.topic_prefix),
                num_partitions=topic.partitions or settings.topic_partitions,
                replication_factor=settings.topic_replication,
                topic_configs={
                    "retention.ms": str(topic.keep_days * DAY_SECONDS * 1000),
                    "max.message.bytes": str(MAX_DEAD_BYTES if topic in DEAD_LETTERS else MAX_RECORD_BYTES),
                },
            )
            for topic in topics
        ]
        answer = await admin.create_topics(wanted)
        made = []
        for name, code, *_ in answer.topic_errors:
            error = for_code(code)
            if code == 0:
                made.append(name)
            elif error is not TopicAlreadyExistsError:
                raise KafkaError(f"topic {name!r} could not be made: {error.__name__}")
        return made
    finally:
        await admin.close()
