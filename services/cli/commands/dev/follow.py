"""Each end of a run as a line of the log, as it happens: what a person who develops a flow waits to see."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Iterator

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from contracts.runs import HistoryRecord
from contracts.topics import HISTORY
from services.cli.stack.process import Sink
from services.runtime import kafka
from services.runtime.settings import RuntimeSettings

NAME = "run"


@contextlib.contextmanager
def followed(settings: RuntimeSettings, sink: Sink) -> Iterator[None]:
    """Give `sink` a line for each run that ends from now on. Kafka's absence ends the following, and nothing else."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    task = loop.create_task(_follow(settings, sink, ready))

    def run() -> None:
        with contextlib.suppress(asyncio.CancelledError, KafkaError, OSError):
            loop.run_until_complete(task)
        ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(5)


async def _follow(settings: RuntimeSettings, sink: Sink, ready: threading.Event) -> None:
    name = HISTORY.under(settings.topic_prefix)
    consumer = kafka.reader(settings, name)
    await consumer.start()
    try:
        partitions = [TopicPartition(name, number) for number in consumer.partitions_for_topic(name) or ()]
        await consumer.seek_to_end(*partitions)
        ready.set()
        async for record in consumer:
            with contextlib.suppress(ValidationError):
                sink(NAME, told(HistoryRecord.read(record.value)))
    finally:
        await consumer.stop()


def told(end: HistoryRecord) -> str:
    """The end of a run as a JSON line, as services write them."""
    level = "error" if end.code else "info"
    milliseconds = round((end.at - end.accepted).total_seconds() * 1000) if end.accepted else None
    fields = {
        "timestamp": end.at.isoformat(),
        "level": level,
        "event": end.outcome.value,
        "flow": end.flow,
        "subject": end.subject,
        "step": end.step if end.code else None,
        "code": end.code,
        "reason": end.reason,
        "milliseconds": milliseconds,
        "run_id": end.run_id,
    }
    return json.dumps({name: value for name, value in fields.items() if value is not None}, ensure_ascii=False)
