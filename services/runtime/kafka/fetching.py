"""aiokafka's fetcher, which a broken batch does not stop, and which loses nothing without a word.

- A batch that cannot be read (a codec that nobody knows, a broken checksum, broken bytes) comes as one record, whose
  value is a `Gap`, and reading goes on behind it. aiokafka raises there for ever.
- What transactions leave in a partition comes as a `Gap` too: every offset is given. aiokafka passes over it without a
  word, so the committed offset would never reach the end, and what is not there would look like what was lost.
- Records that retention deleted before a group read them are counted and logged; so is a partition that begins anew.
  aiokafka resets the position silently.
- It ends also while Kafka is away. In aiokafka a fetch that is cancelled in its back-off has the end of a process raise
  CancelledError.

aiokafka has no place for any of this, so `install` puts these classes where it looks for its own.
tests/unit/runtime/test_fetching.py holds each private name that is used here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, NamedTuple

import aiokafka.consumer.consumer
import aiokafka.consumer.fetcher
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException

from contracts.topics import label
from services.runtime import logging, metrics
from services.runtime.kafka.offset_gaps import Gap

log = logging.get("fetching")
LONGEST_CAUSE = 300


class Records(PartitionRecords):  # type: ignore[misc]  # aiokafka is untyped here
    """The records of one fetch, in order. A `Gap` stands for what cannot be read, and for nothing.

    Of a broken batch nothing is believed that cannot be: a bit that flipped is not to lead to another place of the
    partition.
    """

    next_fetch_offset: int

    def __init__(
        self,
        tp: TopicPartition,
        records: Any,  # noqa: ANN401 - as above
        aborted_transactions: Any,  # noqa: ANN401 - as above
        fetch_offset: int,
        *more: Any,  # noqa: ANN401 - as above
    ) -> None:
        self._batches = _Batches(records, fetch_offset)
        super().__init__(tp, self._batches, aborted_transactions, fetch_offset, *more)

    def limit(self, offset: int) -> None:
        """Say where the partition ended as Kafka began to read, before the first record is taken."""
        self._batches.limit = offset

    def _unpack_records(self) -> Iterator[ConsumerRecord[bytes, bytes]]:
        given = self.next_fetch_offset
        while True:
            begun = self.next_fetch_offset
            try:
                for record in super()._unpack_records():
                    if given < record.offset:
                        self.next_fetch_offset = record.offset
                        yield stand_in(self._tp, record.offset - 1, Gap(given))
                        self.next_fetch_offset = record.offset + 1
                    given = record.offset + 1
                    yield record
                break
            except Exception as error:  # noqa: BLE001 - whatever broken bytes make the reader raise
                first = self.next_fetch_offset
                self.next_fetch_offset = self._batches.behind(first, begun)
                if first < self.next_fetch_offset:
                    cause = f"{type(error).__name__}: {error}"[:LONGEST_CAUSE]
                    first, given = given, self.next_fetch_offset
                    yield stand_in(self._tp, given - 1, Gap(first, cause))
                if not self._batches.more:
                    return  # Kafka is asked anew: broken bytes may not say where the next batch begins
        if given < self.next_fetch_offset:
            yield stand_in(self._tp, self.next_fetch_offset - 1, Gap(given))


class _Batches:
    """aiokafka's batches, of which one is known afterwards, and the next one before."""

    def __init__(self, records: Any, fetch_offset: int) -> None:  # noqa: ANN401 - see above
        self._records = records
        self._read_to = fetch_offset
        self._first = True  # which may begin before what was asked for
        self._latest: Any = None
        self._ahead: Any = None
        self.limit = 1 << 62

    def has_next(self) -> bool:
        """Whether there is another one."""
        return self._ahead is not None or bool(self._records.has_next())

    def next_batch(self) -> Any:  # noqa: ANN401 - see above
        """The next one. Raises CorruptRecordException for one that lies elsewhere: no checksum covers its offset.

        One that begins where the last one ended lies where it should, also behind `limit`: Kafka notes its end before
        it reads (`Partition.readRecords`), and what was written in between comes with an answer of an earlier end.
        """
        self._latest, self._ahead = self._ahead, None
        if self._latest is None:
            self._latest = self._records.next_batch()
        begin, end = self._latest.base_offset, self._latest.next_offset
        astray = (begin < self._read_to and not self._first) or (begin > self._read_to and end > self.limit)
        if end <= self._read_to or astray:
            raise CorruptRecordException(f"it claims to go from {begin} to {end}, in {self._read_to} to {self.limit}")
        self._read_to, self._first = end, False
        return self._latest

    @property
    def more(self) -> bool:
        """After `behind`: whether the next batch can be trusted to be one."""
        return self._ahead is not None

    def behind(self, first: int, begun: int) -> int:
        """The offset behind the latest batch, which is broken from `first` on: `begun` before, a record was read."""
        self._read_to, self._first = self._behind(first, begun), False
        return self._read_to

    def _behind(self, first: int, begun: int) -> int:
        claimed = first if self._latest is None else int(self._latest.next_offset)
        begins = self._begin_of_the_next()
        if begins is not None and first < begins <= self.limit:
            return begins
        self._ahead = None
        if first < claimed <= self.limit:
            return claimed
        return first if claimed == first > begun else first + 1

    def _begin_of_the_next(self) -> int | None:
        self._latest = None
        try:
            self._ahead = self._records.next_batch() if self._records.has_next() else None
            return None if self._ahead is None else int(self._ahead.base_offset)
        except Exception:  # noqa: BLE001 - as above
            return None


class _Left(NamedTuple):
    """An offset that is not there, and the assignment to which that was said: the next one begins elsewhere."""

    state: Any
    offset: int


class Fetcher(aiokafka.consumer.fetcher.Fetcher):  # type: ignore[misc]  # aiokafka is untyped here
    """See above."""

    def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 - aiokafka's own
        super().__init__(*given, **named)
        self._left_at: dict[TopicPartition, _Left] = {}
        self._told: dict[TopicPartition, int] = {}
        self.begun_anew: set[TopicPartition] = set()
        """Partitions whose offsets do not go on where they were: whoever keeps account of offsets takes them out."""

    async def close(self) -> None:
        """End what is under way, whatever it raises when it is cancelled."""
        pending = list(self._pending_tasks)
        for task in (self._fetch_task, *pending):
            task.cancel()
        await asyncio.gather(self._fetch_task, *pending, return_exceptions=True)
        self._pending_tasks.clear()
        await super().close()

    async def _proc_fetch_request(self, assignment: Any, node_id: int, request: Any) -> Any:  # noqa: ANN401 - as above
        answered = await super()._proc_fetch_request(assignment, node_id, request)
        for topic, partitions in request.topics:
            for partition, offset, _ in partitions:
                place = TopicPartition(topic, partition)
                state, fetched = assignment.state_value(place), self._records.get(place)
                if state.awaiting_reset:
                    known = self._left_at.get(place)
                    if known is None or known.state is not state:
                        self._left_at[place] = _Left(state, offset)
                elif isinstance(fetched, FetchResult) and isinstance(fetched._partition_records, Records):  # noqa: SLF001
                    fetched._partition_records.limit(state.highwater)  # noqa: SLF001 - nothing of it was taken yet
        return answered

    async def _update_fetch_positions(self, assignment: Any, node_id: int, tps: Any) -> Any:  # noqa: ANN401 - as above
        answered = await super()._update_fetch_positions(assignment, node_id, tps)
        for place in tps:
            state = assignment.state_value(place)
            if place in self._left_at and state.has_valid_position:
                left = self._left_at.pop(place)
                # Who reads for a person, without a group, begins where Kafka begins.
                if left.state is state and self._subscriptions.partitions_auto_assigned():
                    self._went_on(place, left.offset, state.position)
        return answered

    def _went_on(self, place: TopicPartition, left_at: int, position: int) -> None:
        """Tell what was passed over, once: until there is a commit, faust and each rebalance seek back to before it."""
        if position <= left_at:
            self.begun_anew.add(place)
            self._told.pop(place, None)
        else:
            left_at = max(left_at, self._told.get(place, left_at))
            self._told[place] = max(left_at, position)
            if left_at >= position:
                return
        tell(place, left_at, position)


def stand_in(place: TopicPartition, last: int, gap: Gap) -> ConsumerRecord[bytes, bytes]:
    """The record that stands for a gap."""
    return ConsumerRecord(
        topic=place.topic,
        partition=place.partition,
        offset=last,
        timestamp=0,
        timestamp_type=0,
        key=None,
        value=gap,
        checksum=None,
        serialized_key_size=-1,
        serialized_value_size=0,
        headers=(),
    )


def tell(place: TopicPartition, left_at: int, goes_on: int) -> None:
    """A group's position was outside of what the partition holds: say and count what nobody will read."""
    where = {"topic": place.topic, "partition": place.partition}
    if goes_on <= left_at:
        metrics.POSITIONS_RESET.labels(label(place.topic), str(place.partition)).inc()
        log.error(
            "position.reset",
            **where,
            position=left_at,
            goes_on=goes_on,
            cause="the partition ends before it: the topic was made anew, or a broker lost its end",
            remedy="see docs/production.md, A topic that begins anew",
        )
        return
    metrics.RECORDS_LOST.labels(label(place.topic), str(place.partition)).inc(goes_on - left_at)
    log.critical(
        "records.lost",
        **where,
        first=left_at,
        last=goes_on - 1,
        records=goes_on - left_at,
        cause="deleted before they were read: by the topic's retention, or by hand",
        remedy="see docs/production.md, Records that were lost",
    )


def install() -> None:
    """Have each consumer of this process made so. Twice is once."""
    aiokafka.consumer.fetcher.PartitionRecords = Records
    aiokafka.consumer.consumer.Fetcher = Fetcher
