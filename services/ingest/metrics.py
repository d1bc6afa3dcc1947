"""The metrics of services/ingest. Those that several services count are in services/runtime/metrics.py."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from services.runtime.metrics import SECONDS

EVENTS_ACCEPTED = Counter("flows_events_accepted", "Events that Kafka acknowledged", ["source", "trigger"])
INGEST_RESPONSES = Counter("flows_ingest_responses", "Answers of ingest by HTTP status", ["source", "status"])
POLLS = Counter(
    "flows_polls", "Questions to a polled system: answered, failed (each tried again)", ["source", "outcome"]
)
ACKNOWLEDGEMENT = Histogram("flows_acknowledgement_seconds", "Request read to Kafka's acknowledgement", buckets=SECONDS)
REFUSED = Counter(
    "flows_refused",
    "Bodies of proved senders, and items of them, that could not be read, by what became of them: kept as a letter, the"
    " same again, over the bound of letters, an item of a body that was taken, or no topic (`flows topics apply`)",
    ["source", "code", "kept"],
)
REFUSED_SINCE = Gauge(
    "flows_source_refused_since_timestamp_seconds",
    "Since when a source is refused (seconds since 1970), with its last cause; gone after an hour without",
    ["source", "code", "cause"],
)
