"""How metrics are told of, and those that several services count. Each has its own in its metrics.py.

Base units, bounded labels, never an id in a label.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from contracts.topics import ALL

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)

RUNS_ENDED = Counter("flows_runs_ended", "Runs ended", ["flow", "outcome"])
EVENTS_ENDED = Counter("flows_events_ended", "Events that started no run", ["outcome"])
DEAD_LETTERS = Counter("flows_dead_letters", "Records sent to a dead-letter topic", ["topic", "code"])
BUGS = Counter(
    "flows_bugs",
    "Records whose handling raised what nobody foresaw, by topic or place: each with its stack in the log",
    ["topic"],
)
for _topic in ALL:  # at 0, so that the first one is seen to be one more
    BUGS.labels(_topic.name)
FIELDS_OTHERWISE = Counter(
    "flows_fields_otherwise",
    "Fields that came otherwise than their source declares: absent in flows, or cut, kept under raw",
    ["source", "field", "came_as"],
)
LAG = Gauge("flows_lag_records", "Records waiting behind the committed offset", ["topic", "partition"])
RECORDS_LOST = Counter(
    "flows_records_lost", "Records that Kafka deleted before they were read: by retention", ["topic", "partition"]
)
POSITIONS_RESET = Counter(
    "flows_positions_reset",
    "Partitions that end before where they were read to: the topic was made anew, or a broker lost its end",
    ["topic", "partition"],
)
CONSUMED = Counter("flows_records_consumed", "Records taken from a topic", ["topic"])
DELIVERY = Histogram("flows_delivery_seconds", "Event accepted to run delivered", ["flow"], buckets=SECONDS)
FLOW_HELD = Gauge(
    "flows_flow_held", "1 while new work of a flow waits, as its own deploy fails for everybody", ["flow"]
)
WAITS = Counter("flows_waits", "Waits for a part that is away, each followed by another try", ["part"])
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
