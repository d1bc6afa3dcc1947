"""Whether waiting can cure what stopped a piece of work: one closed table, asked by every loop that tries again.

What can be cured is a part that is away, starts, moves or is not set up yet: it is waited for, visibly. What cannot is
the fault of what one record or one row holds: the same again fails the same. It is nobody else's, so it is a dead
letter, and the others go on. So is what the table does not know, which is a bug.
"""

from __future__ import annotations

import asyncpg
from aiokafka import errors as kafka

NEVER: tuple[type[Exception], ...] = (
    # Kafka, of one record: too large for its topic, or not as the broker takes it.
    kafka.MessageSizeTooLargeError,
    kafka.RecordTooLargeError,
    kafka.RecordListTooLargeError,
    kafka.InvalidTimestampError,
    kafka.UnsupportedForMessageFormatError,
    kafka.UnsupportedCodecError,
    kafka.CorruptRecordException,
    kafka.InvalidMessageError,
    kafka.OffsetMetadataTooLargeError,
    # PostgreSQL, of one row: https://www.postgresql.org/docs/current/errcodes-appendix.html
    asyncpg.DataError,  # class 22: a NUL, a number too large, a time that is none
    asyncpg.exceptions._base.DataError,  # noqa: SLF001 - the same, found by asyncpg before it is sent
    asyncpg.IntegrityConstraintViolationError,  # class 23
    asyncpg.ProgramLimitExceededError,  # class 54: an index row too long
    # Of what is to be written at all.
    UnicodeError,
)
"""Comes first: some of these are kinds of what the other table holds."""

WAIT: tuple[type[Exception], ...] = (
    OSError,
    TimeoutError,
    # Whatever else Kafka says: no broker, no leader, a producer that was fenced, rights that an operator has to give.
    kafka.KafkaError,
    # Whatever else PostgreSQL says: away, starting, failed over, full, locked, not migrated yet, rights.
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # From a connection whose server was killed in the middle of a query, and that a pool gave out again.
    asyncpg.InternalClientError,
)


def curable(error: BaseException) -> bool:
    """Whether the same work may succeed later, with nothing of it changed."""
    return isinstance(error, WAIT) and not isinstance(error, NEVER)
