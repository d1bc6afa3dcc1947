"""Kafka producers, consumers and topics, made one way: acks=all, idempotent, at least once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    RecordTooLargeError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)

from contracts.topics import ALL, DAY_SECONDS, DLQ_OF, MAX_MESSAGE_BYTES, Topic
from services.runtime import fetching
from services.runtime.consuming import Consumer, coordinated
from services.runtime.settings import RuntimeSettings

Headers = list[tuple[str, bytes | None]]
"""As Kafka has them: a header's value may be absent."""

MAX_RECORD_BYTES = 1_048_588
"""What a topic takes: Kafka's own default. Ours stay below; other teams' records may be as large."""
MAX_DEAD_BYTES = 2 * MAX_RECORD_BYTES
"""What a dead-letter topic takes: the largest record, and the headers that say why it is there."""
FRAME_BYTES = 200
"""What Kafka puts around one record, and 12 bytes around each header: more than it ever is."""
RENEW_SECONDS = 5.0
DEAD_LETTERS = frozenset(DLQ_OF.values())
COMMITTED = "read_committed"
"""What every reader of ours reads: not what a producer wrote in a transaction that it aborted, or has not ended yet."""

fetching.install()


TOO_LARGE = (MessageSizeTooLargeError, RecordTooLargeError, RecordListTooLargeError)
"""What a broker says of a record that is over what its topic takes."""


class MessageTooLargeError(Exception):
    """A message is over what its topic takes: it cannot be produced, and a later try will not help."""


def refusal(topic: Topic, error: Exception) -> Exception:
    """What to raise for an error that waiting does not cure, told by Kafka of one record."""
    return (
        MessageTooLargeError(f"more bytes than the topic {topic.name} takes") if isinstance(error, TOO_LARGE) else error
    )


def size_of(key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]] | None) -> int:
    """At most so many bytes a record takes in Kafka."""
    around = sum(12 + len(name.encode()) + len(one or b"") for name, one in headers or ())
    return FRAME_BYTES + len(key or b"") + len(value or b"") + around


def check_size(
    topic: Topic, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]] | None
) -> None:
    """Raise MessageTooLargeError for a record that its topic does not take: before it is sent, where it can be told."""
    if topic not in DEAD_LETTERS and value is not None and len(value) > MAX_MESSAGE_BYTES:
        raise MessageTooLargeError(f"{len(value)} bytes for {topic.name}, at most {MAX_MESSAGE_BYTES}")
    size, most = size_of(key, value, headers), MAX_DEAD_BYTES if topic in DEAD_LETTERS else MAX_RECORD_BYTES
    if size > most:
        raise MessageTooLargeError(f"{size} bytes with key and headers for {topic.name}, at most {most}")


class Producer:
    """Sends and waits for the acknowledgement of all in-sync replicas. The same record twice is two records."""

    def __init__(self, settings: RuntimeSettings, *, request_seconds: float = 30.0) -> None:
        self._prefix = settings.topic_prefix
        self._bootstrap = settings.kafka_bootstrap
        self._request_seconds = request_seconds
        self._producer = self._new()

    def _new(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            enable_idempotence=True,
            linger_ms=5,
            max_batch_size=131_072,
            max_request_size=MAX_DEAD_BYTES,
            request_timeout_ms=int(self._request_seconds * 1000),
        )

    async def start(self) -> None:
        """Connect. Raises aiokafka's KafkaError, a RuntimeError, when no broker answers; then call it again."""
        try:
            await self._producer.start()
        except BaseException:
            await self._producer.stop()
            self._producer = self._new()
            raise

    async def stop(self) -> None:
        """Send what is buffered, then leave."""
        await self._producer.stop()

    async def renew(self) -> None:
        """Begin anew, after a failure that is not cured by waiting: the sequence of the idempotent producer is broken.

        What was handed over and not acknowledged is lost to this producer: send it again. Raises as `start` does.
        """
        broken, self._producer = self._producer, self._new()
        with suppress(KafkaError, TimeoutError):
            await asyncio.wait_for(broken.stop(), RENEW_SECONDS)
        await self.start()

    async def send(
        self, topic: Topic, key: bytes | None, value: bytes | None, headers: Headers | None = None
    ) -> asyncio.Future[object]:
        """Hand over one record; the future is done when Kafka acknowledged. Order is that of the calls.

        Raises as `check_size` does, and KafkaError when the buffer stays full because no broker answers. A record that
        was taken is tried again for ever, as long as trying again may help: bound the wait, not the send.
        """
        check_size(topic, key, value, headers)
        future: asyncio.Future[object] = await self._producer.send(
            topic.under(self._prefix), value=value, key=key, headers=headers
        )
        return future

    async def require(self, topics: Iterable[Topic]) -> None:
        """Raise UnknownTopicOrPartitionError, which says what to do, unless all of these topics are there."""
        there = (await self._producer.client.fetch_all_metadata()).topics()
        missing = [name for topic in topics if (name := topic.under(self._prefix)) not in there]
        if missing:
            raise UnknownTopicOrPartitionError(f"no topic {', '.join(missing)}: `flows topics apply` makes them")

    async def answers(self) -> None:
        """Raise unless a broker answers now."""
        await self._producer.client.fetch_all_metadata()


def consumer(settings: RuntimeSettings, group: str, *, poll_seconds: float = 120.0) -> Consumer:
    """A consumer that commits only what it is told to, from the earliest record on, of what was committed to Kafka.

    `poll_seconds`: who asks for nothing so long has left the group. A record's value may be a `gaps.Gap`.
    """
    return Consumer(
        bootstrap_servers=settings.kafka_bootstrap,
        group_id=settings.topic_prefix + group,
        # Kafka's static membership: a killed worker that comes back goes on in 2 s, without a rebalance.
        group_instance_id=settings.instance_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level=COMMITTED,
        session_timeout_ms=10_000,
        heartbeat_interval_ms=2_000,
        # By default it is the session's: a member that finishes what is at work before it gives up partitions would be
        # thrown out in the middle of it.
        rebalance_timeout_ms=60_000,
        max_poll_interval_ms=int(poll_seconds * 1000),
        fetch_max_wait_ms=100,
        max_partition_fetch_bytes=1_048_576,
    )


def reader(settings: RuntimeSettings, *topics: str, **named: Any) -> AIOKafkaConsumer:  # noqa: ANN401 - aiokafka's own
    """A consumer of its own, in no group, which commits nothing: of what was committed to Kafka, as `consumer`."""
    return AIOKafkaConsumer(
        *topics,
        bootstrap_servers=settings.kafka_bootstrap,
        enable_auto_commit=False,
        isolation_level=COMMITTED,
        **named,
    )


async def coordinator(settings: RuntimeSettings, group: str) -> None:
    """Return when a broker leads the group. Raises KafkaError when none does in time."""
    await coordinated(settings.kafka_bootstrap, settings.topic_prefix + group)


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
