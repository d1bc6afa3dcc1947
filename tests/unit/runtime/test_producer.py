"""The producer: how aiokafka's is made, that it is begun anew once for all who failed with it, how topics are made."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, Self

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    LeaderNotAvailableError,
    ProducerClosed,
    UnknownTopicOrPartitionError,
)

from contracts.topics import ACTIONS, ACTIONS_DLQ, EVENTS, HISTORY, RUNS
from services.runtime.kafka import MessageTooLargeError, producer, topics
from services.runtime.kafka.producer import Producer
from services.runtime.kafka.publishing import BatchPublisher
from services.runtime.kafka.records import OutgoingRecord
from services.runtime.kafka.sizes import MAX_DEAD_BYTES, MAX_RECORD_BYTES
from services.runtime.settings import RuntimeSettings

SETTINGS = RuntimeSettings(
    kafka_bootstrap="kafka.example:9092", topic_prefix="mine.", topic_partitions=7, topic_replication=3
)


class Closed:
    """Stands where aiokafka's sender and client stand."""

    def __init__(self) -> None:
        self.times = 0

    async def close(self) -> None:
        """Counts."""
        self.times += 1


class Accumulator:
    """Stands where aiokafka keeps what is not sent."""

    failed: Exception | None = None

    def __init__(self) -> None:
        self._pending_batches: set[object] = set()

    def fail_all(self, error: Exception) -> None:
        """Remembers."""
        self.failed = error


class Client:
    """Stands where aiokafka's producer stands, and keeps what it is given."""

    made: list[Client]
    starting: list[Exception]
    stopping: list[Exception]
    there: set[str]

    def __init__(self, **given: Any) -> None:
        self.given, self.began, self.stopped = given, 0, 0
        self.sent: list[Any] = []
        self._sender, self._message_accumulator = Closed(), Accumulator()
        self.closed = Closed()
        Client.made.append(self)

    async def start(self) -> None:
        """Fails as the test says."""
        self.began += 1
        if Client.starting:
            raise Client.starting.pop(0)

    async def stop(self) -> None:
        """Fails as the test says."""
        self.stopped += 1
        if Client.stopping:
            raise Client.stopping.pop(0)

    async def send(self, *given: Any, **more: Any) -> str:
        """What was sent, and something to wait for."""
        self.sent.append((given, more))
        return "a future"

    @property
    def client(self) -> Self:
        """Where aiokafka has its metadata."""
        return self

    async def close(self) -> None:
        """That of the connections."""
        await self.closed.close()

    async def fetch_all_metadata(self) -> Any:
        """Of the topics that are there."""
        if Client.starting:
            raise Client.starting.pop(0)
        return SimpleNamespace(topics=lambda: Client.there)


@pytest.fixture(autouse=True)
def _clients(monkeypatch: pytest.MonkeyPatch) -> None:
    Client.made, Client.starting, Client.stopping, Client.there = [], [], [], set()
    monkeypatch.setattr(producer, "AIOKafkaProducer", Client)


def test_nothing_is_acknowledged_that_one_broker_could_lose() -> None:
    """By all replicas, without a record twice or out of order, in batches that a topic of dead letters takes."""
    Producer(SETTINGS, request_seconds=2.5)
    (client,) = Client.made
    assert client.given == {
        "bootstrap_servers": "kafka.example:9092",
        "acks": "all",
        "enable_idempotence": True,
        "linger_ms": 5,
        "max_batch_size": 131_072,
        "max_request_size": MAX_DEAD_BYTES,
        "request_timeout_ms": 2500,
    }
    Producer(SETTINGS)
    assert Client.made[1].given["request_timeout_ms"] == 30_000


async def test_a_record_is_sent_as_it_is() -> None:
    """To the installation's own topic; too large a one is not sent at all."""
    one = Producer(SETTINGS)
    sent: object = await one.send(EVENTS, b"k", b"v", [("h", b"x")])
    assert sent == "a future"
    assert Client.made[0].sent == [(("mine.events",), {"value": b"v", "key": b"k", "headers": [("h", b"x")]})]
    for key, value, headers in (
        (b"k", b"x" * MAX_RECORD_BYTES, None),
        (b"x" * MAX_RECORD_BYTES, b"v", None),
        (b"k", b"v", [("h", b"x" * MAX_RECORD_BYTES)]),
    ):
        with pytest.raises(MessageTooLargeError):
            await one.send(EVENTS, key, value, headers)  # type: ignore[arg-type]
    assert len(Client.made[0].sent) == 1


async def test_it_is_begun_anew_once_for_all_who_failed_with_the_same() -> None:
    """What was broken is stopped, whatever it says of that; the generation counts the renewals that came off."""
    one = Producer(SETTINGS)
    assert one.generation == 0
    Client.stopping = [KafkaError()]
    await asyncio.gather(one.renew(0), one.renew(0), one.renew(0))
    assert one.generation == 1
    assert [(each.began, each.stopped) for each in Client.made] == [(0, 1), (1, 0)]
    await one.renew(0)
    assert len(Client.made) == 2
    await one.send(EVENTS, b"k", b"v")
    assert (len(Client.made[0].sent), len(Client.made[1].sent)) == (0, 1)


async def test_a_renewal_that_fails_can_be_made_again() -> None:
    """It counts for none, and leaves a producer that can be started."""
    one = Producer(SETTINGS)
    Client.starting = [KafkaConnectionError()]
    with pytest.raises(KafkaConnectionError):
        await one.renew(0)
    assert one.generation == 0
    await one.renew(0)
    assert one.generation == 1
    assert [each.began for each in Client.made] == [0, 1, 0, 1]
    assert [each.stopped for each in Client.made] == [1, 1, 1, 0]


async def test_a_stop_that_hangs_does_not_hold_a_renewal_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken producer may wait for a broker that never comes back."""
    monkeypatch.setattr(producer, "FLUSH_SECONDS", 0.01)
    one = Producer(SETTINGS)
    hangs = asyncio.Event()
    broken = Client.made[0]
    monkeypatch.setattr(broken, "stop", hangs.wait)
    await asyncio.wait_for(one.renew(0), 5)
    assert one.generation == 1
    # Else it would send what it holds once a broker is back, behind what came after that.
    assert (broken.closed.times, broken._sender.times) == (1, 1)
    assert isinstance(broken._message_accumulator.failed, ProducerClosed)


async def test_after_a_renewal_that_failed_nothing_is_handed_to_one_that_is_not_connected() -> None:
    """It would wait for ever for what it knows of topics: whoever publishes tries to renew it again instead."""
    one = Producer(SETTINGS)
    Client.starting = [KafkaConnectionError()]
    with pytest.raises(KafkaConnectionError):
        await one.renew(0)
    with pytest.raises(KafkaConnectionError):
        await one.send(EVENTS, b"k", b"v")
    with pytest.raises(KafkaConnectionError):
        await one.answers()
    assert [each.sent for each in Client.made] == [[], [], []]
    await one.renew(0)
    await one.send(EVENTS, b"k", b"v")
    assert len(Client.made[-1].sent) == 1


async def test_a_publisher_outlasts_a_renewal_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka was stopped, refused a record, and was away when the producer was begun anew: it tries until it is back."""
    one = Producer(SETTINGS)
    published: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    published.set_result(None)

    async def refused(*_: Any, **__: Any) -> object:
        raise LeaderNotAvailableError

    async def taken(*_: Any, **__: Any) -> object:
        return published

    monkeypatch.setattr(Client.made[0], "send", refused)
    monkeypatch.setattr(Client, "send", taken)
    Client.starting = [KafkaConnectionError(), KafkaConnectionError()]
    await asyncio.wait_for(BatchPublisher(one).publish([OutgoingRecord(EVENTS, b"k", b"v")]), 10)
    assert one.generation == 1


async def test_a_start_that_fails_leaves_one_that_can_be_started() -> None:
    """One of aiokafka's cannot be started twice."""
    one = Producer(SETTINGS)
    Client.starting = [KafkaConnectionError()]
    with pytest.raises(KafkaConnectionError):
        await one.start()
    assert Client.made[0].stopped == 1
    await one.start()
    assert [each.began for each in Client.made] == [1, 1]
    await one.stop()
    assert [each.stopped for each in Client.made] == [1, 1]


async def test_topics_that_are_missing_are_named_with_what_to_do() -> None:
    """All of them at once."""
    one = Producer(SETTINGS)
    Client.there = {"mine.events", "actions"}
    await one.require([EVENTS])
    with pytest.raises(UnknownTopicOrPartitionError) as told:
        await one.require([ACTIONS, EVENTS, RUNS])
    assert "no topic mine.actions, mine.runs: `flows topics apply` makes them" in str(told.value)
    await one.answers()
    Client.starting = [KafkaConnectionError()]
    with pytest.raises(KafkaConnectionError):
        await one.answers()


class Admin:
    """Stands where aiokafka's admin client stands."""

    def __init__(self, *, bootstrap_servers: str) -> None:
        assert bootstrap_servers == "kafka.example:9092"
        self.log: list[str] = []
        self.asked: list[Any] = []
        self.codes = [0, 36, 0]
        self.failing: Exception | None = None

    async def start(self) -> None:
        """Noted."""
        self.log.append("start")

    async def close(self) -> None:
        """Noted."""
        self.log.append("close")

    async def create_topics(self, wanted: list[Any]) -> Any:
        """Each with its error code."""
        if self.failing is not None:
            raise self.failing
        self.asked += wanted
        errors = [(each.name, code, None) for each, code in zip(wanted, self.codes, strict=True)]
        return SimpleNamespace(topic_errors=errors)


async def test_topics_are_made_as_they_are_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long records are kept, how large they may be, how many partitions; those that are there stay as they are."""
    admin = Admin(bootstrap_servers="kafka.example:9092")
    monkeypatch.setattr(topics, "AIOKafkaAdminClient", lambda **given: Admin(**given) and admin)
    assert await topics.make_topics(SETTINGS, [EVENTS, HISTORY, ACTIONS_DLQ]) == ["mine.events", "mine.actions.dlq"]
    day = 86_400_000
    assert [(one.name, one.num_partitions, one.replication_factor, one.topic_configs) for one in admin.asked] == [
        (
            topic.under("mine."),
            topic.partitions or 7,
            3,
            {"retention.ms": str(topic.keep_days * day), "max.message.bytes": str(most)},
        )
        for topic, most in ((EVENTS, MAX_RECORD_BYTES), (HISTORY, MAX_RECORD_BYTES), (ACTIONS_DLQ, MAX_DEAD_BYTES))
    ]
    admin.codes = [0, 37, 0]
    with pytest.raises(KafkaError, match=r"topic 'mine\.history' could not be made: InvalidPartitionsError"):
        await topics.make_topics(SETTINGS, [EVENTS, HISTORY, ACTIONS_DLQ])
    admin.failing = KafkaConnectionError()
    with pytest.raises(KafkaConnectionError):
        await topics.make_topics(SETTINGS, [EVENTS])
    assert admin.log == ["start", "close"] * 3
