"""A worker without partitions asks for some exactly when records wait that nobody takes."""

from __future__ import annotations

from aiokafka.errors import KafkaConnectionError

from services.runtime.offsets import Place, Progress
from services.tools.membership import Membership

HERE: Place = ("events", 0)


async def asked(*looks: Progress | None, assigned: bool = False) -> list[int]:
    """After which looks a new assignment was asked for; None: Kafka is away."""
    found: list[int] = []
    number = 0

    async def ask() -> dict[Place, Progress]:
        progress = looks[number]
        if progress is None:
            raise KafkaConnectionError("planted")
        return {HERE: progress}

    membership = Membership(lambda: {HERE} if assigned else set(), ask, lambda: found.append(number))
    for number in range(len(looks)):  # noqa: B007 - `ask` reads it
        await membership.look()
    return found


async def test_it_asks_when_records_wait_and_nobody_moves() -> None:
    """At the second look, and again while it lasts."""
    assert await asked(Progress(3, 9), Progress(3, 9), Progress(3, 10), Progress(3, 11)) == [1, 3]


async def test_a_worker_that_is_one_too_many_is_left_alone() -> None:
    """Others move, or nothing waits."""
    assert await asked(Progress(3, 9), Progress(5, 12), Progress(8, 15)) == []
    assert await asked(Progress(9, 9), Progress(9, 9), Progress(9, 9)) == []


async def test_a_worker_with_partitions_is_the_watchdogs() -> None:
    """It is not asked here."""
    assert await asked(Progress(3, 9), Progress(3, 9), assigned=True) == []


async def test_kafka_away_is_no_reason() -> None:
    """And what stood before it does not count after it."""
    assert await asked(Progress(3, 9), None, Progress(3, 9), None) == []
