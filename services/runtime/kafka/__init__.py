"""Kafka, used one way: producers, consumers, topics, what of a partition cannot be read, and dead letters.

Here stand the names that most need; the rest is in the modules.
"""

from services.runtime.kafka.consumers import consumer, coordinator, reader
from services.runtime.kafka.producer import Producer
from services.runtime.kafka.records import ConsumedRecord, Headers, OutgoingRecord
from services.runtime.kafka.sizes import MAX_DEAD_BYTES, MAX_RECORD_BYTES, MessageTooLargeError, check_size
from services.runtime.kafka.topics import make_topics

__all__ = [
    "MAX_DEAD_BYTES",
    "MAX_RECORD_BYTES",
    "ConsumedRecord",
    "Headers",
    "MessageTooLargeError",
    "OutgoingRecord",
    "Producer",
    "check_size",
    "consumer",
    "coordinator",
    "make_topics",
    "reader",
]
