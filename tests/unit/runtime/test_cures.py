"""What is waited for and what is not: one table, and every loop that tries again asks it."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka import errors as kafka

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.topics import ACTIONS, EVENTS_DLQ
from services.runtime import back_off, database, lifecycle
from services.runtime.apart import apart
from services.runtime.cures import curable
from services.runtime.kafka import MAX_DEAD_BYTES, Headers, MessageTooLargeError, check_size
from services.runtime.kafka.dead_letters import FIRST_BYTES, buried, smaller

PASSES: list[Exception] = [
    OSError("refused"),
    TimeoutError(),
    kafka.KafkaConnectionError(),
    kafka.NotLeaderForPartitionError(),
    kafka.OutOfOrderSequenceNumber(),
    kafka.ProducerClosed(),
    kafka.TopicAuthorizationFailedError(),
    kafka.UnknownTopicOrPartitionError(),
    asyncpg.CannotConnectNowError("starting"),
    asyncpg.ConnectionDoesNotExistError("gone"),
    asyncpg.InterfaceError("the pool is closing"),
    asyncpg.ReadOnlySQLTransactionError("failed over"),
    asyncpg.TooManyConnectionsError("full"),
    asyncpg.DiskFullError("full"),
    asyncpg.DeadlockDetectedError("again"),
    asyncpg.UndefinedTableError("not migrated"),
    asyncpg.InsufficientPrivilegeError("not granted"),
]
STAYS: list[Exception] = [
    MessageTooLargeError("900001 bytes"),
    kafka.MessageSizeTooLargeError(),
    kafka.RecordTooLargeError(),
    kafka.RecordListTooLargeError(),
    kafka.InvalidTimestampError(),
    kafka.UnsupportedCodecError(),
    kafka.CorruptRecordException(),
    asyncpg.DataError("invalid input"),
    asyncpg.CharacterNotInRepertoireError("NUL"),
    asyncpg.NumericValueOutOfRangeError("2**40"),
    asyncpg.DatetimeFieldOverflowError("year 300000"),
    asyncpg.CheckViolationError("no"),
    asyncpg.NotNullViolationError("no"),
    asyncpg.ProgramLimitExceededError("index row"),
    UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogate"),
    TypeError("Integer exceeds 64-bit range"),
    AttributeError("a bug"),
]


@pytest.mark.parametrize("error", PASSES, ids=lambda error: type(error).__name__)
async def test_what_passes_is_waited_for(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whoever waits for PostgreSQL, and at a service's start."""
    monkeypatch.setattr(back_off, "LONGEST_SECONDS", 0.0)
    assert curable(error)
    raised = [error]

    async def work() -> str:
        if raised:
            raise raised.pop()
        return "done"

    assert await database.patiently("test", work) == "done"
    raised.append(error)
    assert await lifecycle.patiently("test", work, asyncio.Event()) == "done"


@pytest.mark.parametrize("error", STAYS, ids=lambda error: type(error).__name__)
async def test_what_stays_is_raised_at_once(error: Exception) -> None:
    """It would be waited for for ever."""
    assert not curable(error)

    async def work() -> None:
        raise error

    for patient in (database.patiently("test", work), lifecycle.patiently("test", work, asyncio.Event())):
        with pytest.raises(type(error)):
            await asyncio.wait_for(patient, 1)


def test_every_error_of_the_libraries_is_decided() -> None:
    """Of Kafka and PostgreSQL: whatever is not of one record is waited for."""
    for module, base in ((kafka, kafka.KafkaError), (asyncpg.exceptions, asyncpg.PostgresError)):
        kinds: list[Any] = [one for one in vars(module).values() if isinstance(one, type) and issubclass(one, base)]
        assert len(kinds) > 50
        stay = {kind.__name__ for kind in kinds if not curable(kind.__new__(kind))}
        assert 0 < len(stay) < len(kinds) / 2


def test_no_loop_decides_for_itself() -> None:
    """A `while` that catches what Kafka and PostgreSQL raise asks the table, or waits for nobody's record."""
    own = {"gates.py", "token_credentials.py", "sign_in.py"}  # hold no record
    own |= {"membership.py", "watchdog.py", "database.py"}  # the same
    own |= {"fetching.py", "faust_app.py"}  # read on behind broken bytes, hand an error on: they wait for nothing
    wrong = []
    for path in Path("services").rglob("*.py"):
        if path.name in own or "cli" in path.parts:
            continue
        text = path.read_text()
        for loop in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.While)):
            for caught in (node for node in ast.walk(loop) if isinstance(node, ast.ExceptHandler) and node.type):
                names = ast.unparse(caught.type) if caught.type else ""
                if ("FAULTS" in names or "PostgresError" in names or "Exception" in names) and "curable(" not in text:
                    wrong.append(f"{path}: {names}")
    # Each tells of a bug and begins anew.
    assert sorted(wrong) == ["services/actions/queue/queue.py: Exception", "services/ingest/service.py: Exception"]


async def test_one_bad_item_is_found_and_the_others_have_their_work_done() -> None:
    """Wherever it is, however many there are."""
    for bad in ({3}, {0}, {9}, {2, 3, 7}, set(range(10)), set()):

        async def work(items: Sequence[int], bad: set[int] = bad) -> list[str]:
            if bad & set(items):
                raise ValueError("one of these")
            return [f"done {item}" for item in items]

        async def alone(item: int, error: Exception) -> str:
            return f"{error} {item}"

        came = await apart(range(10), work, alone)
        assert came == [f"one of these {item}" if item in bad else f"done {item}" for item in range(10)]


@pytest.mark.parametrize(
    ("key", "value", "headers"),
    [
        (b"k", b"v", [("a", b"b"), ("null", None)]),
        (None, None, []),
        (b"k", b"v" * 3_000_000, [("a", b"b")]),
        (b"k" * 3_000_000, b"v", []),
        (b"k", None, [("a", b"b" * 3_000_000)]),
        (b"k", b"v", [(f"h{number}", b"") for number in range(200_000)]),
    ],
    ids=["small", "empty", "value", "key", "header", "headers"],
)
def test_a_dead_letter_always_fits(key: bytes | None, value: bytes | None, headers: Headers) -> None:
    """Whole if it can be; else by reference, where it says how large the original and where it is."""
    letter = DeadLetter.of(("closum.events", 3, 7), ErrorCode.BUG, "x" * 9000, "tools", flow="f" * 9000, event_id=None)
    made = buried(EVENTS_DLQ, letter, key, value, headers)
    check_size(EVENTS_DLQ, *made)
    told = DeadLetter.from_headers(made[2])
    assert (told.topic, told.partition, told.offset) == ("closum.events", 3, 7)
    whole = (
        sum(map(len, filter(None, (key, value)))) + sum(len(one or b"") for _, one in headers) < 1000
        and len(headers) < 10
    )
    if whole:
        assert (made[0] or None, made[1], told.original_bytes) == (key or None, value, None)
        assert made[2][: len(headers)] == headers
    else:
        assert told.original_bytes is not None
        assert told.original_bytes > MAX_DEAD_BYTES
        assert made[1] == (value and value[:FIRST_BYTES])
    less = smaller(EVENTS_DLQ, *made)
    while less is not None:
        made, less = less, smaller(EVENTS_DLQ, *less)
    assert made[:2] == (b"", None)
    assert smaller(ACTIONS, *made) is None


def test_sizes_are_decided_before_sending() -> None:
    """With key and headers, not by the value alone: the broker counts them too."""
    check_size(ACTIONS, b"k", b"v" * 900_000, None)
    for key, value, headers in (
        (b"k", b"v" * 900_001, None),
        (b"k" * 200_000, b"v" * 900_000, None),
        (b"k", b"v" * 900_000, [("h", b"x" * 200_000)]),
    ):
        with pytest.raises(MessageTooLargeError):
            check_size(ACTIONS, key, value, headers)
