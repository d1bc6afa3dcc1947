"""The Faust application, by the rules that docs/design measured. Each rule stands beside the fault that it avoids."""

from __future__ import annotations

import asyncio
import os
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Sequence
from typing import Any

import faust
import faust.streams
from faust.tables import TableManager
from faust.transport.drivers import aiokafka as driver
from mode.services import WaitResults

from contracts.topics import EVENTS, RUNS, Topic
from services.runtime import kafka, logging
from services.runtime.kafka import ConsumedRecord, offset_gaps
from services.runtime.kafka.group_consumer import GroupConsumer
from services.runtime.kafka.group_offsets import TopicAndPartition
from services.tools.handled_offsets import HandledOffsets, Offsets
from services.tools.settings import ToolsSettings

log = logging.get("app")
GROUP = "tools"
BROKEN = 70  # sysexits.h: EX_SOFTWARE
LOOK_SECONDS = 0.5
POLL_SECONDS = 1000.0
"""Faust asks for no more while its buffer is full, and a topic may be held for long."""

Handler = Callable[[Sequence[ConsumedRecord]], Coroutine[Any, Any, None]]


class _NoTables(TableManager):  # type: ignore[misc]  # faust is untyped here
    async def on_start(self) -> None:
        # Without faust's sleep of a second, for tables that modules declare meanwhile: there are none.
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()


class FaustApp(faust.App):  # type: ignore[misc]  # faust is untyped here
    """Faust without its folder on disk: no tables, so nothing to keep, and the file system may be read-only.

    Its consumer is ours, `kafka.consumer`, as that of every service: faust has no setting for what it reads.
    """

    def __init__(self, id: str, settings: ToolsSettings, **named: Any) -> None:  # noqa: A002, ANN401 - faust's own
        self.ours = settings
        super().__init__(id, **named)

    def _create_directories(self) -> None:
        pass

    def _new_transport(self) -> _Transport:
        return _Transport(self.conf.broker_consumer, self)


class _Thread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # as above
    logger = driver.logger

    def _create_worker_consumer(self, _transport: Any) -> GroupConsumer:  # noqa: ANN401 - as above
        return kafka.consumer(self.app.ours, GROUP, poll_seconds=POLL_SECONDS)


class _Consumer(driver.Consumer):  # type: ignore[misc]  # as above
    logger = driver.logger

    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    def on_init(self) -> None:
        """What this process has handled."""
        super().on_init()
        self.handled = HandledOffsets()

    async def wait_first(self, *waits: Any, timeout: float | None = None) -> WaitResults:  # noqa: ANN401, ASYNC109 - mode's own
        """As mode's, which makes four tasks for each record, to put it into a queue that has room.

        What is done at its first step needs none of them: a tenth of what services/tools costs a record.
        """
        first, *others = waits
        if asyncio.iscoroutine(first):
            try:
                waits = (_rest(first, first.send(None)), *others)
            except StopIteration as done:
                _close(others)
                stopped = self._stopped.is_set() or self._crashed.is_set()
                return WaitResults([], [], stopped) if stopped else WaitResults([first], [done.value], stopped)
            except BaseException:
                _close(others)
                raise
        return await super().wait_first(*waits, timeout=timeout)

    async def perform_seek(self) -> None:
        """As faust: back to what is committed. From there on each offset is accounted for."""
        await super().perform_seek()
        for partition in self.assignment():
            self.handled.begins(partition, self._read_offset[partition])

    async def go_back(self, partition: Any) -> None:  # noqa: ANN401 - faust is untyped here
        """Read again from the first record that is missing, if it is still ours and Kafka still has it."""
        missing = self.handled.next(partition)
        if missing is None or partition not in self.assignment():
            return
        begins = (await self.earliest_offsets(partition))[partition]
        if begins > missing:  # which was counted and told where it was seen
            self.handled.begins(partition, begins)
        else:
            log.error("records.read_again", topic=partition.topic, partition=partition.partition, first=missing)
        await self.seek(partition, max(begins, missing))

    def _new_offset(self, tp: Any) -> int | None:  # noqa: ANN401 - as above
        """What is to be committed. Faust's own account is forgotten: it passes over a record that is missing."""
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return self.handled.next(tp)

    async def _add_gap(self, tp: Any, offset_from: int, offset_to: int) -> None:  # noqa: ANN401 - as above
        """Nothing: what is missing is read again."""

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[Any, Any]]:  # noqa: ASYNC109 - faust's own
        """As faust, which would drop without a word what lies before the offset that it read last."""
        async for partition, message in super().getmany(timeout):
            if message.offset < (self._read_offset[partition] or 0):
                self._begin_anew(partition)
                if message.offset >= (self.handled.next(partition) or 0):
                    self._read_offset[partition] = None
            yield partition, message

    def _begin_anew(self, partition: Any) -> None:  # noqa: ANN401 - as above
        """Forget what was read of a partition, if its offsets have begun anew."""
        anew: set[Any] = self._thread._ensure_consumer()._fetcher.begun_anew  # noqa: SLF001 - faust has no other place for it
        if partition in anew:
            anew.discard(partition)
            for known in (self._gap, self._acked, self._acked_index, self._read_offset, self._committed_offset):
                known.pop(partition, None)
            self.handled.begins(partition, None)


def _close(unused: Sequence[Any]) -> None:
    for one in filter(asyncio.iscoroutine, unused):
        one.close()


async def _rest(begun: Coroutine[Any, Any, Any], waits_for: Any) -> Any:  # noqa: ANN401 - whatever it gives
    """A coroutine from where it waits for something."""
    return await _resumed(begun, waits_for)


@types.coroutine
def _resumed(begun: Coroutine[Any, Any, Any], waits_for: Any) -> Generator[Any, None, Any]:  # noqa: ANN401 - as above
    while True:
        try:
            yield waits_for
            break
        except BaseException as error:  # noqa: BLE001 - it is the coroutine's to decide on
            try:
                waits_for = begun.throw(error)
            except StopIteration as done:
                return done.value
    return (yield from begun)  # a coroutine: see types.coroutine


class _Transport(driver.Transport):  # type: ignore[misc]  # as above
    Consumer = _Consumer


def make(settings: ToolsSettings, events: Handler, runs: Handler) -> faust.App:
    """The application, not started. Each handler gets a batch, and returns when its outputs are acknowledged."""
    if faust.streams._CStreamIterator is None:  # noqa: SLF001 - there is no other way to ask
        # The pure-Python iterator acknowledges records that it skips in a rebalance: they would be lost.
        raise RuntimeError(
            "faust-streaming is installed without its compiled parts: install its wheel, unset NO_CYTHON"
        )
    app = FaustApp(
        settings.topic_prefix + GROUP,
        settings,
        broker=[f"kafka://{broker.strip()}" for broker in settings.kafka_bootstrap.split(",")],
        broker_commit_interval=1.0,
        # Everything is made idempotent by ids; exactly-once has open faults (faust #323).
        processing_guarantee="at_least_once",
        # On a rebalance and at the end, the batch at hand is finished before partitions are given up (faust #517).
        stream_wait_empty=True,
        stream_buffer_maxsize=4 * settings.batch_size,
        # Topics are made by `flows topics apply` (faust #177).
        topic_allow_declare=False,
        topic_disable_leader=True,
        # Health is ours: faust's web server does not know whether anything is consumed (faust #136).
        web_enabled=False,
        TableManager=_NoTables,
        # No standby tables: also selects the plain round-robin assignor.
        table_standby_replicas=0,
        autodiscover=False,
    )
    for topic, handler in ((EVENTS, events), (RUNS, runs)):
        _agent(app, topic, handler, settings)
    app.finalize()
    return app


async def started(settings: ToolsSettings, events: Handler, runs: Handler) -> faust.App:
    """The application, consuming. Raises KafkaError, and has nothing running, when Kafka is away: call it again."""
    application = make(settings, events, runs)
    try:
        await application.start()
    except BaseException:
        await _stopped(application)
        raise
    return application


def _agent(app: faust.App, topic: Topic, handler: Handler, settings: ToolsSettings) -> None:
    channel = app.topic(
        topic.under(settings.topic_prefix),
        # Raw bytes: a decoding error inside faust kills the agent.
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        allow_empty=True,
    )

    # Not more than one: with two, a killed worker commits past an unfinished record (faust #606).
    @app.agent(channel, name=topic.name, concurrency=1)  # type: ignore[untyped-decorator]  # faust is untyped here
    async def take(stream: faust.Stream) -> None:
        async for batch in stream.take_events(settings.batch_size, within=settings.batch_seconds):
            await unbroken(_taken(app.consumer, topic, [event.message for event in batch], handler))


async def _taken(consumer: _Consumer, topic: Topic, messages: Sequence[Any], handler: Handler) -> None:
    """Handle what follows what was handled; of a partition where a record is missing, read again from there."""
    places = [_offsets(message) for message in messages]
    now, holes = consumer.handled.follows(places)
    chosen = [message for message, fits in zip(messages, now, strict=True) if fits]
    records = [_record(topic, message) for message in chosen if not offset_gaps.empty(message.value)]
    if records:
        await handler(records)
    consumer.handled.handled(place for place, fits in zip(places, now, strict=True) if fits)
    for partition in holes:
        await consumer.go_back(partition)


def _offsets(message: Any) -> Offsets:  # noqa: ANN401 - faust is untyped here
    first = message.value.first if isinstance(message.value, offset_gaps.Gap) else message.offset
    return Offsets(message.tp, first, message.offset)


def _record(topic: Topic, message: Any) -> ConsumedRecord:  # noqa: ANN401 - faust is untyped here
    return ConsumedRecord(
        topic,
        message.topic,
        message.partition,
        message.offset,
        message.key,
        message.value,
        list(message.headers or ()),
    )


async def unbroken(work: Coroutine[Any, Any, None]) -> None:
    """Finish the work of a batch, whatever happens around it.

    When control leaves the body of an agent, faust acknowledges the batch: by an exception, by a cancellation, always.
    So a cancellation waits until the work is done, and an exception, which is a bug, ends the process on the spot.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if task.cancelled() or task.exception() is not None:
        log.critical("batch.broke", exc_info=None if task.cancelled() else task.exception())
        os._exit(BROKEN)
    if cancelled is not None:
        raise cancelled


def assigned(app: faust.App) -> set[TopicAndPartition]:
    """The partitions that this process has now."""
    return {(one.topic, one.partition) for one in app._assignment or ()}  # noqa: SLF001 - the public ways raise before the start


async def supervise(app: faust.App) -> None:
    """Return when the application has stopped. What crashes any part of it ends the process on the spot.

    Faust would go on with the parts that are left: alive, and consuming nothing.
    """
    while True:
        for node in app.beacon.traverse():
            part = getattr(node, "data", node)
            reason = getattr(part, "crash_reason", None)
            # So faust has its fetcher restarted after a rebalance.
            if reason is not None and not isinstance(reason, asyncio.CancelledError):
                log.critical("faust.crashed", part=type(part).__name__, exc_info=reason)
                os._exit(BROKEN)
        if app.should_stop:
            return
        await asyncio.sleep(LOOK_SECONDS)


async def leave(app: faust.App, seconds: float) -> None:
    """Finish the batch at hand, commit it, leave the group. After `seconds` end the process, with 0, without a commit.

    Then the batch is done again by whoever comes next: nothing is lost. It was told to end, and is no crash.
    """
    stopping = asyncio.ensure_future(_stopped(app))
    done, _ = await asyncio.wait([stopping], timeout=seconds)
    if not done:
        log.warning("drain.expired", seconds=seconds)
        os._exit(os.EX_OK)
    stopping.result()


async def _stopped(app: faust.App) -> None:
    stop: Awaitable[None] = app.stop()
    await stop
