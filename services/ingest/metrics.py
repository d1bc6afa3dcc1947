"""The metrics of services/ingest. Those that several services count are in services/runtime/metrics.py."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from services.runtime.metrics import SECONDS

EVENTS_ACCEPTED = Counter("flows_events_accepted", "Events that Kafka acknowledged", ["source", "trigger"])
INGEST_RESPONSES = Counter("flows_ingest_responses", "Answers of ingest by HTTP status", ["source", "status"])
POLLS = Counter(
    "flows_polls", "Questions to a polled system: answered, failed (each tried again)", ["source", "outcome"]
)
ACKNOWLEDGEMENT = Histogram("flows_acknowledgement_seconds", "Request read to Kafka's acknowledgement", buckets=SECONDS)
