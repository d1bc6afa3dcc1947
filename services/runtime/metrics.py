"""Every metric of the product. Base units, bounded labels, never an id in a label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from contracts.topics import ALL

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)

EVENTS_ACCEPTED = Counter("flows_events_accepted", "Events that Kafka acknowledged", ["source", "trigger"])
INGEST_RESPONSES = Counter("flows_ingest_responses", "Answers of ingest by HTTP status", ["source", "status"])
POLLS = Counter(
    "flows_polls", "Questions to a polled system: answered, failed (each tried again)", ["source", "outcome"]
)
ACKNOWLEDGEMENT = Histogram("flows_acknowledgement_seconds", "Request read to Kafka's acknowledgement", buckets=SECONDS)
RUNS_STARTED = Counter("flows_runs_started", "Runs begun", ["flow"])
RUNS_ENDED = Counter("flows_runs_ended", "Runs ended", ["flow", "outcome"])
EVENTS_ENDED = Counter("flows_events_ended", "Events that started no run", ["outcome"])
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
DEAD_LETTERS = Counter("flows_dead_letters", "Records sent to a dead-letter topic", ["topic", "code"])
BUGS = Counter(
    "flows_bugs",
    "Records whose handling raised what nobody foresaw, by topic or place: each with its stack in the log",
    ["topic"],
)
for _topic in ALL:  # at 0, so that the first one is seen to be one more
    BUGS.labels(_topic.name)
LAG = Gauge("flows_lag_records", "Records waiting behind the committed offset", ["topic", "partition"])
RECORDS_LOST = Counter(
    "flows_records_lost", "Records that Kafka deleted before they were read: by retention", ["topic", "partition"]
)
CONSUMED = Counter("flows_records_consumed", "Records taken from a topic", ["topic"])
DELIVERY = Histogram("flows_delivery_seconds", "Event accepted to run delivered", ["flow"], buckets=SECONDS)
WAITS_ENDED = Counter("flows_waits_ended", "Waits of runs that ended: by time, event or hand; again: dropped", ["by"])
TIMER_LATENESS = Histogram("flows_timer_lateness_seconds", "Wait due to its record acknowledged", buckets=SECONDS)
TIMERS_OVERDUE = Gauge("flows_timers_overdue_seconds", "How long the wait that should have ended first is overdue")
SYNC_CHANGES = Counter(
    "flows_sync_changes", "Changes and new leads that came in: passed, mixed, suppressed, held, ours", ["decision"]
)
SYNC_ALTERED = Counter("flows_sync_altered", "Fields of our own writes that came back altered by the destination")
LANES_OPEN = Gauge("flows_lanes_open", "Lanes with calls waiting or at work")
READ_AHEAD = Gauge("flows_read_ahead_records", "Records read ahead that wait for their flow's part of memory")
PARKED = Gauge("flows_parked_requests", "Requests that wait in PostgreSQL for another attempt, or behind one")
PARKED_OLDEST = Gauge("flows_parked_oldest_seconds", "Since when the oldest of all parked requests is being tried")
FLOW_HELD = Gauge("flows_flow_held", "1 while a flow is held because its calls die one after the other", ["flow"])
TOPIC_HELD = Gauge("flows_topic_held", "1 while a topic is held because its records all end as dead", ["topic"])
BREAKER_OPEN = Gauge("flows_breaker_open", "1 while a connection's breaker lets nothing through", ["connection"])
PARTITIONS_PAUSED = Gauge("flows_partitions_paused", "Partitions not fetched because memory's bound is reached")
WAITS = Counter("flows_waits", "Waits for a part that is away, each followed by another try", ["part"])
STATE_ASKS = Counter("flows_state_asks", "What tools with state asked for", ["kind"])
STATE = Histogram("flows_state_seconds", "All asks of a batch settled in PostgreSQL", buckets=SECONDS)
BUILD = Gauge("flows_build_info", "1, with the release that runs as label", ["version"])
READY = Gauge("flows_ready", "1 while Kafka and PostgreSQL answer")


@dataclass(frozen=True, slots=True)
class Family:
    """A metric as it is declared, under the name that /metrics gives it: counters with `_total`."""

    name: str
    kind: str
    meaning: str
    labels: tuple[str, ...]

    @property
    def series(self) -> dict[str, frozenset[str]]:
        """Each series that it shows, with its labels."""
        labels = frozenset(self.labels)
        if self.kind != "histogram":
            return {self.name: labels}
        return {f"{self.name}_{part}": labels for part in ("sum", "count")} | {f"{self.name}_bucket": labels | {"le"}}


def declared(namespace: Mapping[str, object]) -> tuple[Family, ...]:
    """The metrics of a module, in its order."""
    found = []
    for metric in namespace.values():
        if isinstance(metric, MetricWrapperBase):
            kind, labels = str(metric._type), metric._labelnames  # noqa: SLF001 - no public way to them
            name = metric._name + ("_total" if kind == "counter" else "")  # noqa: SLF001
            found.append(Family(name, kind, metric._documentation, tuple(labels)))  # noqa: SLF001
    return tuple(found)


FAMILIES = declared(globals())
"""All of them."""

SERIES = {name: labels for family in FAMILIES for name, labels in family.series.items()}
"""Each series that /metrics may show, with its labels. Dashboards and alerts use these and no others: a test looks."""

NAMES = frozenset(family.name for family in FAMILIES)
"""Their names: counters with `_total`; histograms without `_bucket`, `_sum`, `_count`."""
