"""What a topic takes: known before a record is sent, where it can still be told."""

from __future__ import annotations

from collections.abc import Sequence

from aiokafka.errors import MessageSizeTooLargeError, RecordListTooLargeError, RecordTooLargeError

from contracts.topics import DLQ_OF, MAX_MESSAGE_BYTES, Topic

MAX_RECORD_BYTES = 1_048_588
"""What a topic takes: Kafka's own default. Ours stay below; other teams' records may be as large."""
MAX_DEAD_BYTES = 2 * MAX_RECORD_BYTES
"""What a dead-letter topic takes: the largest record, and the headers that say why it is there."""
FRAME_BYTES = 200
"""What Kafka puts around one record, and 12 bytes around each header: more than it ever is."""
DEAD_LETTERS = frozenset(DLQ_OF.values())
TOO_LARGE = (MessageSizeTooLargeError, RecordTooLargeError, RecordListTooLargeError)
"""What a broker says of a record that is over what its topic takes."""


class MessageTooLargeError(Exception):
    """A message is over what its topic takes: it cannot be produced, and a later try will not help."""


def refusal(topic: Topic, error: Exception) -> Exception:
    """What to raise for an error that waiting does not cure, told by Kafka of one record."""
    return (
        MessageTooLargeError(f"more bytes than the topic {topic.name} takes") if isinstance(error, TOO_LARGE) else error
    )


def size_of(key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]] | None) -> int:
    """At most so many bytes a record takes in Kafka."""
    size = FRAME_BYTES + len(key or b"") + len(value or b"")
    for name, one in headers or ():
        size += 12 + len(name.encode()) + len(one or b"")
    return size


def check_size(
    topic: Topic, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]] | None
) -> None:
    """Raise MessageTooLargeError for a record that its topic does not take: before it is sent, where it can be told."""
    dead = topic in DEAD_LETTERS
    if not dead and value is not None and len(value) > MAX_MESSAGE_BYTES:
        raise MessageTooLargeError(f"{len(value)} bytes for {topic.name}, at most {MAX_MESSAGE_BYTES}")
    size, most = size_of(key, value, headers), MAX_DEAD_BYTES if dead else MAX_RECORD_BYTES
    if size > most:
        raise MessageTooLargeError(f"{size} bytes with key and headers for {topic.name}, at most {most}")
