"""Dead letters: the original record untouched, with headers that say where, why and who must act.

As a record that always fits: whole, by reference where that is too large, at last without content.
"""

from __future__ import annotations

from functools import partial

from contracts.dead_letters import PREFIX, DeadLetter
from contracts.errors import ErrorCode
from contracts.topics import DLQ_OF, Topic
from services.runtime import metrics
from services.runtime.kafka import offset_gaps
from services.runtime.kafka.records import ConsumedRecord, Headers, OutgoingRecord
from services.runtime.kafka.sizes import DEAD_LETTERS, MessageTooLargeError, check_size, size_of

FIRST_BYTES = 4096
KEY_BYTES = 512
ORIGINAL = PREFIX + "original-bytes"

Buried = tuple[bytes | None, bytes | None, Headers]
"""Key, value and headers of a record for a dead-letter topic."""


def dead_letter(
    record: ConsumedRecord, code: ErrorCode, cause: str, service: str, **ids: str | int | None
) -> OutgoingRecord:
    """The record for its dead-letter topic, counted when it is there. `ids`: what else of `DeadLetter` is known.

    Of a record that nobody can read it says where it is, and is one letter, however many records it tells of.
    """
    topic = DLQ_OF[record.topic]
    if (gap := offset_gaps.unreadable(record.value)) is not None:
        ids["first_offset"] = gap.first
    letter = DeadLetter.of(record.coordinates, code, cause, service, **ids)
    key, value, headers = buried(topic, letter, record.key, record.value, record.headers)
    return OutgoingRecord(topic, key, value, headers, partial(_count, topic.name, code.value))


def _count(topic: str, code: str) -> None:
    metrics.DEAD_LETTERS.labels(topic, code).inc()


def buried(topic: Topic, letter: DeadLetter, key: bytes | None, value: bytes | None, headers: Headers) -> Buried:
    """The original with the letter's headers; by reference if `topic` would not take it.

    Headers of an earlier dead letter, of a record that was redriven, are replaced.
    """
    kept = [(name, one) for name, one in headers if not name.startswith(PREFIX)]
    # aiokafka's producer refuses a record without key and value, which Kafka and other clients allow.
    key = b"" if key is None and value is None else key
    whole: Headers = [*kept, *letter.to_headers()]
    try:
        check_size(topic, key, value, whole)
    except MessageTooLargeError:
        return by_reference(key, value, whole)
    return key, value, whole


def by_reference(key: bytes | None, value: bytes | None, headers: Headers) -> Buried:
    """A dead letter with its own headers and the first bytes of key and value."""
    own = [(name, one) for name, one in headers if name.startswith(PREFIX)]
    theirs = [(name, one) for name, one in headers if not name.startswith(PREFIX)]
    size = size_of(key, value, theirs)
    return (key or b"")[:KEY_BYTES], value and value[:FIRST_BYTES], [*own, (ORIGINAL, str(size).encode())]


def smaller(topic: Topic, key: bytes | None, value: bytes | None, headers: Headers) -> Buried | None:
    """A dead letter that Kafka refused, with less in it: by reference, then its headers alone. None: it has no less."""
    if topic not in DEAD_LETTERS:
        return None
    if not any(name == ORIGINAL for name, _ in headers):
        return by_reference(key, value, headers)
    return (b"", None, headers) if key or value else None
