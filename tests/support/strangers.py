"""What others do to our topics: transactions, new partitions, deletion, and disks that break bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.admin.records_to_delete import RecordsToDelete
from prometheus_client import REGISTRY

from contracts.topics import Topic
from deploy.local import KafkaServer
from services.runtime.settings import RuntimeSettings

_NUMBERS = count()
BREAKS = {
    "checksum": (17, b"\0\0\0\0"),
    "bytes": (75, b"\xff\xff\xff\xff"),
    "codec": (21, struct.pack(">h", 5)),
    "count": (57, struct.pack(">i", 1000)),
    "last offset": (23, struct.pack(">i", 1000)),
    "first offset": (0, struct.pack(">q", 2**40)),
}
"""What a disk may do to a batch: at which byte of it, and which bytes are there then."""


@contextmanager
def broken_batch(server: KafkaServer, name: str, offset: int, how: str) -> Iterator[None]:
    """Break the batch that begins at an offset in the first segment of partition 0, under a broker that runs.

    It is whole again afterwards: a broker that other tests kill does not start over some of these breaks.
    """
    path = server.directory / "data" / f"{name}-0" / f"{0:020}.log"
    data, position = path.read_bytes(), 0
    while (begin := struct.unpack_from(">qi", data, position))[0] != offset:
        position += 12 + begin[1]
    at, broken = BREAKS[how]
    whole = data[position + at : position + at + len(broken)]
    _write(path, position + at, broken)
    try:
        yield
    finally:
        _write(path, position + at, whole)


def _write(path: Path, position: int, content: bytes) -> None:
    with path.open("r+b") as segment:
        segment.seek(position)
        segment.write(content)


async def transaction(settings: RuntimeSettings, topic: Topic, values: Sequence[bytes], *, abort: bool = False) -> None:
    """Produce to partition 0 in a transaction, ended one way or the other."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap, transactional_id=f"{settings.topic_prefix}{next(_NUMBERS)}"
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        for value in values:
            await producer.send_and_wait(topic.under(settings.topic_prefix), value, key=b"k", partition=0)
        await (producer.abort_transaction() if abort else producer.commit_transaction())
    finally:
        await producer.stop()


async def add_partitions(settings: RuntimeSettings, topic: Topic, total: int) -> None:
    """Have so many."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    await admin.start()
    try:
        await admin.create_partitions({topic.under(settings.topic_prefix): NewPartitions(total_count=total)})
    finally:
        await admin.close()


async def delete_records(settings: RuntimeSettings, topic: Topic, before: int) -> None:
    """Delete from partition 0 what is before an offset, as retention does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    await admin.start()
    try:
        place = TopicPartition(topic.under(settings.topic_prefix), 0)
        await admin.delete_records({place: RecordsToDelete(before)})
    finally:
        await admin.close()


def lost(topic: str, partition: int) -> float:
    """How many records this process has counted as lost."""
    labels = {"topic": topic, "partition": str(partition)}
    return REGISTRY.get_sample_value("flows_records_lost_total", labels) or 0.0
