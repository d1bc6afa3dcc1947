"""The metrics of services/actions. Those that several services count are in services/runtime/metrics.py."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from services.runtime.metrics import SECONDS

ATTEMPTS = Counter("flows_attempts", "Calls made", ["connection", "action", "outcome"])
ATTEMPT = Histogram(
    "flows_attempt_seconds", "One call, connect to last byte", ["connection", "action"], buckets=SECONDS
)
VERIFICATIONS = Counter(
    "flows_verifications",
    "Destinations asked whether a call of unknown outcome happened: happened, did_not, cannot_tell",
    ["connection", "action", "verdict"],
)
CREDITS_LEFT = Gauge("flows_credits_left", "SMS credits, as closum.sms.check_credits last saw them", ["connection"])
LANES_OPEN = Gauge("flows_lanes_open", "Lanes with calls waiting or at work")
READ_AHEAD = Gauge("flows_read_ahead_records", "Records read ahead that wait for their flow's part of memory")
PARKED = Gauge("flows_parked_requests", "Requests that wait in PostgreSQL for another attempt, or behind one")
PARKED_PART = Gauge("flows_parked_part", "Of the bounds of parked requests (rows, disk), what is used: 0 to 1")
PARKED_OLDEST = Gauge("flows_parked_oldest_seconds", "Since when the oldest of all parked requests is being tried")
BREAKER_OPEN = Gauge("flows_breaker_open", "1 while a connection's breaker lets nothing through", ["connection"])
PARTITIONS_PAUSED = Gauge("flows_partitions_paused", "Partitions not fetched because memory's bound is reached")
