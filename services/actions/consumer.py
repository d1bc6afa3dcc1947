"""The consuming loop: take records into lanes, commit what is finished, pause when memory's bound is reached.

What is taken and not finished is never committed. So whatever ends this process, the next one does it again: at least
once. When partitions are given up, what is at work is finished first, and what is not begun is left to the next owner.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from contracts.topics import ACTIONS
from services.actions import metrics as actions_metrics
from services.actions.delivery.ahead import Ahead
from services.actions.delivery.courier import Courier
from services.actions.delivery.job import Job, Planner, Ready, broken
from services.actions.delivery.lanes import Lanes
from services.actions.delivery.outline import outline
from services.actions.delivery.pace import Pace
from services.actions.delivery.prefix import Prefix
from services.actions.journal.journal import Journal
from services.actions.limits.gates import Gates
from services.actions.limits.ready import Doubted
from services.actions.parking.parking import Parking
from services.actions.settings import ActionsSettings
from services.runtime import logging, metrics
from services.runtime.death_hold import DeathHold
from services.runtime.kafka import ConsumedRecord, offset_gaps
from services.runtime.kafka.group_offsets import TopicAndPartition

log = logging.get("consumer")
GROUP = "actions"
POLL_MS = 200
# One poll's records are decoded in one go: few enough not to hold up the calls at work.
POLL_RECORDS = 200
COMMIT_EVERY_SECONDS = 0.5
COMMIT_SECONDS = 5.0
RESUME_AT = 0.9
# Of its room, the part up to which memory takes in what was parked.
PARKED_PART = 0.75
# A flow may have in memory so many times what is free there: so it never fills it, nor do many together.
# A. Choudhury, E. Hahne: Dynamic Queue Length Thresholds for Shared-Memory Packet Switches, 1998.
CROWD = 0.5
# A flow with more work than this waits in PostgreSQL, so that Kafka's offsets go on.
CROWD_SECONDS = 60.0
# So many at once go from there into memory: few enough not to hold up the calls at work.
REFILL = 50
# So many at once are on their way into PostgreSQL.
SPILLING = 500
# What a call may take beyond its own deadline until it counts as finished: its outputs are published.
PUBLISH_SECONDS = 5.0


class Consumer(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped here
    """One process's part of the group. `moved` is called whenever something moves."""

    def __init__(
        self,
        settings: ActionsSettings,
        kafka: AIOKafkaConsumer,
        planner: Planner,
        *,
        journal: Journal,
        parking: Parking,
        gates: Gates,
        guard: DeathHold,
        courier: Callable[[Callable[[Job], bool]], Courier],
        moved: Callable[[], object],
    ) -> None:
        self._settings = settings
        self._kafka = kafka
        self._planner = planner
        self._journal = journal
        self._gates = gates
        self._parking = parking
        self._entering: dict[TopicPartition, asyncio.Task[None]] = {}
        self._moved = moved
        self._ahead = Ahead(settings.read_ahead_bytes)
        self._prefixes: dict[TopicPartition, Prefix] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._giving_up: set[TopicPartition] = set()
        self._leaving = False
        self._pace, self._measured = Pace(), time.monotonic()
        self._longest_call = settings.call_seconds
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lanes: Lanes[Job] = Lanes(
            self._watched(courier(self._owns)),
            settings.max_concurrency,
            self._bug,
            sort=lambda job: job.sort,
            gate=gates,
            guard=guard,
        )
        parking.serve(self)

    def assigned(self) -> set[TopicAndPartition]:
        """The partitions that this process has now."""
        return {(place.topic, place.partition) for place in self._prefixes}

    def kick(self) -> None:
        """More calls may begin."""
        self._lanes.kick()

    def waiting(self, connection: str, doubted: Doubted) -> bool | None:
        """Whether a lane waits there for the connection only that is not doubted; None: no lane does."""
        return self._lanes.waiting(connection, doubted)

    def put(self, job: Job) -> None:
        """Take in a job that was parked."""
        if job.attempts:
            self._gates.suspect(job.sort.connection, job.lane)
        self._lanes.put(job.lane, job)

    def cut(self, job: Job) -> list[Job]:
        """Take out all behind a job that is at work."""
        return self._lanes.cut(job.lane)

    def has_room(self) -> bool:
        """Whether jobs that were parked may be taken in."""
        return not self._leaving and self._lanes.pending < self._settings.max_pending * PARKED_PART

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set, then finish what is at work within `drain_seconds`. Raises for a bug."""
        self._kafka.subscribe([ACTIONS.under(self._settings.topic_prefix)], listener=self)
        committed = time.monotonic()
        try:
            while not stop.is_set():
                await self._turn()
                if time.monotonic() - committed > COMMIT_EVERY_SECONDS:
                    await self._commit(self._prefixes)
                    committed = time.monotonic()
            await self._drain()
        finally:
            for entering in self._entering.values():
                entering.cancel()
            await self._lanes.close()
            await self._parking.close()
            await self._journal.close()

    async def _turn(self) -> None:
        self._measure()
        self._throttle()
        taken = await self._kafka.getmany(timeout_ms=POLL_MS, max_records=POLL_RECORDS)
        for place, records in taken.items():
            self._take(place, records)
        if self._broken.done():
            self._broken.result()
        if taken or self._waits_rightly():
            self._moved()
        actions_metrics.LANES_OPEN.set(self._lanes.open)

    def _take(self, place: TopicPartition, records: Sequence[ConsumerRecord]) -> None:
        prefix = self._prefixes.get(place)
        if prefix is None or place in self._giving_up:
            return  # its next owner gets them
        for taken in records:
            record = ConsumedRecord(
                ACTIONS, taken.topic, taken.partition, taken.offset, taken.key, taken.value, list(taken.headers or ())
            )
            prefix.take(taken.offset)
            if offset_gaps.empty(taken.value):
                prefix.finish(taken.offset)
                continue
            self._guarded(self._take_one, record, prefix)
        metrics.CONSUMED.labels(ACTIONS.name).inc(len(records))

    def _guarded(self, take: Callable[[ConsumedRecord, Prefix], None], record: ConsumedRecord, prefix: Prefix) -> None:
        """What nobody foresaw is the dead letter of its record."""
        try:
            take(record, prefix)
        except Exception as error:  # noqa: BLE001 - told as a bug where it becomes a job
            self.put(broken(record, prefix, error))

    def _take_one(self, record: ConsumedRecord, prefix: Prefix) -> None:
        about = outline(record)
        if about is not None and (self._ahead.holds(about.lane) or self._has_its_part(about.flow)):
            self._ahead.add(about, record, prefix)
        else:
            self._take_in(record, prefix)

    def _take_in(self, record: ConsumedRecord, prefix: Prefix, *, spill: bool = False) -> None:
        """Into memory, or to where its lane waits; `spill`: to PostgreSQL, unless its lane is in memory."""
        job = self._planner.job(record, prefix)
        if isinstance(job.plan, Ready) and job.plan.seconds is not None:
            self._longest_call = max(self._longest_call, job.plan.seconds)
        if self._parking.takes(job):
            return
        if spill and not self._lanes.holds(job.lane):
            self._parking.spill(job)
        else:
            self._lanes.put(job.lane, job)

    def _has_its_part(self, flow: str) -> bool:
        """Of memory. What waits behind failing calls counts less: its flow's other contacts are not to wait for it."""
        most, lanes = self._settings.max_pending, self._lanes
        return lanes.awake_of(flow) >= (most - lanes.pending) * CROWD or lanes.pending_of(flow) >= most * CROWD

    def _slow(self, flow: str) -> bool:
        """Whether all that waits of a flow is the work of a long time."""
        waiting = self._lanes.pending_of(flow) + self._ahead.waiting_of(flow)
        return waiting > CROWD_SECONDS * self._pace.of(flow)

    def _refill(self) -> None:
        """What was read ahead goes into memory when its flow has room there, of a slow flow into PostgreSQL."""
        if self._leaving:
            return
        for flow in list(self._ahead.flows):
            slow = self._slow(flow)
            for _ in range(REFILL):
                full = self._parking.entering >= SPILLING if slow else self._has_its_part(flow)
                if full or not self._ahead.waiting_of(flow):
                    break
                self._guarded(partial(self._take_in, spill=slow), *self._ahead.take(flow))

    def _measure(self) -> None:
        """Once a second."""
        now = time.monotonic()
        if (passed := now - self._measured) > 1:
            self._pace.tick(passed, self._ahead.flows)
            self._measured = now

    def _throttle(self) -> None:
        """Pause all partitions when too much is held, resume them when there is room. Polling goes on."""
        self._parking.pump()
        self._refill()
        paused, held = self._kafka.paused(), max(self._lanes.pending, self._parking.entering)
        if held >= self._settings.max_pending or self._parking.full or self._ahead.full:
            self._kafka.pause(*(place for place in self._prefixes if place not in paused))
        elif held <= self._settings.max_pending * RESUME_AT:
            # Not those whose parked lanes are not known yet.
            self._kafka.resume(*(place for place in paused if place not in self._entering))
        actions_metrics.READ_AHEAD.set(self._ahead.records)
        actions_metrics.PARTITIONS_PAUSED.set(len(self._kafka.paused()))

    def _waits_rightly(self) -> bool:
        """Whether there is work at hand that takes no longer than it may, so that nothing else needs to move."""
        if self._parking.full or self._parking.entering or self._entering:
            return True
        longest = self._longest_call + PUBLISH_SECONDS
        return self._lanes.pending > 0 and not self._lanes.stuck and self._lanes.oldest_work_seconds() < longest

    def _watched(self, courier: Courier) -> Callable[[Job], Awaitable[float | None]]:
        async def work(job: Job) -> float | None:
            try:
                wait = await courier.work(job)
            except Exception as error:  # noqa: BLE001 - the last guard: a dead letter, told as a bug
                wait = None
                await courier.broke(job, error)
            self._moved()
            if wait is None:
                self._pace.finished(job.sort.flow)
                self._refill()
            # No further attempt here for what somebody else goes on with. It is not finished, so it is not committed.
            return None if self._leaving or _place(job) in self._giving_up else wait

        return work

    def _owns(self, job: Job) -> bool:
        return self._prefixes.get(_place(job)) is job.prefix

    def _bug(self, job: Job, error: BaseException) -> None:
        """Not even its dead letter could be made: whoever comes next begins with this record again."""
        log.critical("job.broke", coordinates=job.record.coordinates, exc_info=error)
        if not self._broken.done():
            self._broken.set_exception(error)

    async def _commit(self, places: Iterable[TopicPartition]) -> None:
        """Commit what is finished. When it cannot be, a later time does it, or the next owner does the work again."""
        positions = {
            place: position
            for place in places
            if (prefix := self._prefixes.get(place)) is not None
            and (position := prefix.position) is not None
            and position != self._committed.get(place)
        }
        if not positions:
            return
        try:
            # aiokafka tries again for ever: https://github.com/aio-libs/aiokafka/issues/1017
            async with asyncio.timeout(COMMIT_SECONDS):
                await self._kafka.commit(positions)
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("commit.failed", cause=f"{type(error).__name__}: {error}"[:500])
        else:
            self._committed.update(positions)

    async def _drain(self) -> None:
        """Begin nothing new, finish what is at work, commit."""
        self._leaving = True
        left = self._ahead.drop() + self._lanes.drop(lambda _: True)
        finished = await self._lanes.settled(lambda _: True, self._settings.drain_seconds)
        await self._commit(self._prefixes)
        log.info(
            "consumer.drained", finished=finished, left_to_the_next=left + (self._lanes.pending if finished else 0)
        )

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Give up partitions: finish what is at work for them, commit, forget the rest."""
        gone = set(revoked)
        if not gone:
            return

        def of_these(job: Job) -> bool:
            return _place(job) in gone

        self._giving_up |= gone
        self._ahead.drop([prefix for place in gone if (prefix := self._prefixes.get(place)) is not None])
        self._lanes.drop(of_these)
        finished = await self._lanes.settled(of_these, self._longest_call + PUBLISH_SECONDS)
        await self._commit(gone)
        for place in gone:
            if (prefix := self._prefixes.pop(place, None)) is not None:
                self._leave(place, prefix)
            self._committed.pop(place, None)
        log.info("partitions.revoked", partitions=sorted(place.partition for place in gone), finished=finished)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Take over partitions, each from its committed offset on."""
        places = list(assigned)
        self._giving_up.clear()
        for place in places:
            if (before := self._prefixes.get(place)) is not None:
                self._leave(place, before)
            prefix = self._prefixes[place] = Prefix()
            self._enter(place, prefix)
        self._moved()
        log.info("partitions.assigned", partitions=sorted(place.partition for place in places))

    def _enter(self, place: TopicPartition, prefix: Prefix) -> None:
        """Nothing of it is worked on until it is known which of its lanes wait in PostgreSQL."""
        name = f"{place.topic}/{place.partition}"
        self._journal.enter(prefix, name)
        self._kafka.pause(place)
        entering = self._entering[place] = asyncio.create_task(self._parking.enter(prefix, name))

        def entered(_: asyncio.Task[None]) -> None:
            if self._entering.get(place) is entering:
                del self._entering[place]

        entering.add_done_callback(entered)

    def _leave(self, place: TopicPartition, prefix: Prefix) -> None:
        if (entering := self._entering.pop(place, None)) is not None:
            entering.cancel()
        self._ahead.drop((prefix,))
        self._journal.leave(prefix)
        self._parking.leave(prefix)


def _place(job: Job) -> TopicPartition:
    return TopicPartition(job.record.name, job.record.partition)


async def leave(kafka: AIOKafkaConsumer, seconds: float) -> None:
    """Leave the group; a member with an instance id keeps its place for its return."""
    with suppress(KafkaError, TimeoutError):
        async with asyncio.timeout(seconds):
            await kafka.stop()
