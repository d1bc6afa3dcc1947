"""The Grafana dashboard as code: `python -m deploy.grafana.dashboard` writes dashboards/flows.json.

Read from the top: is anything wrong now, what comes in and how it ends, what waits, how long it takes, what the
destinations answer. Made for Grafana 11.6, the version in docker-compose.yml; needs the `dev` packages.
"""

from __future__ import annotations

from pathlib import Path

from grafana_foundation_sdk.builders import dashboard, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, VariableOption, VariableRefresh, VariableSort

from deploy.grafana.panels import FLOW, RATE, SOURCE, graph, number, over_range, quantiles, query

FILE = Path(__file__).parent / "dashboards" / "flows.json"


def _ended(outcome: str) -> str:
    """How many ended so over the chosen time: runs, and events that started none."""
    only = f'{{outcome="{outcome}"}}'
    return over_range(f"flows_runs_ended_total{only}") + " + " + over_range(f"flows_events_ended_total{only}")


def _panels() -> list[stat.Panel | timeseries.Panel]:
    return [
        number("Accepted", "Events that Kafka acknowledged.", over_range("flows_events_accepted_total")),
        number("Delivered", "Runs with every step done.", _ended("delivered")),
        number("Filtered", "Ended by a `stop`, or no flow wants them. No error.", _ended("filtered")),
        number("Duplicate", "The same event again: it started nothing.", _ended("duplicate")),
        number(
            "Dead letters",
            "A person must look: `flows dead list`.",
            over_range("flows_dead_letters_total"),
            bad_from=0.5,
        ),
        number(
            "Not ready",
            "Processes for which Kafka or PostgreSQL does not answer.",
            "count(flows_ready == 0) or vector(0)",
            bad_from=1,
        ),
        graph(
            "Accepted",
            "Events a second, by trigger.",
            "ops",
            query(f"sum by (trigger) (rate(flows_events_accepted_total{RATE}))", "{{trigger}}"),
            stacked=True,
        ),
        graph(
            "How it ended",
            "Runs a second by outcome, and events that started no run.",
            "ops",
            query(f"sum by (outcome) (rate(flows_runs_ended_total{FLOW}{RATE}))", "{{outcome}}"),
            query(f"sum by (outcome) (rate(flows_events_ended_total{RATE}))", "{{outcome}}, no run"),
            stacked=True,
        ),
        graph(
            "Delivered, by flow",
            "Runs a second with every step done.",
            "ops",
            query(
                f'sum by (flow) (rate(flows_runs_ended_total{{outcome="delivered", flow=~"$flow"}}{RATE}))',
                "{{flow}}",
            ),
        ),
        graph(
            "Filtered, by flow",
            "Runs a second that a `stop` ended. A sudden rise means that events look different from before.",
            "ops",
            query(
                f'sum by (flow) (rate(flows_runs_ended_total{{outcome="filtered", flow=~"$flow"}}{RATE}))',
                "{{flow}}",
            ),
        ),
        graph(
            "Dead letters",
            "In ten minutes, by topic and cause. Each waits for a person.",
            "short",
            query("sum by (topic, code) (increase(flows_dead_letters_total[10m]))", "{{topic}}: {{code}}"),
        ),
        graph(
            "Lag",
            "Records that wait, by topic. Rising without an end: too few workers, or a slow destination.",
            "short",
            query("sum by (topic) (flows_lag_records)", "{{topic}}"),
        ),
        graph(
            "Accepted to delivered",
            "From the acknowledgement of an event to the end of its run.",
            "s",
            *quantiles("flows_delivery_seconds", FLOW),
        ),
        graph(
            "Hook answered after",
            "From a request read to Kafka's acknowledgement: what senders wait for.",
            "s",
            *quantiles("flows_acknowledgement_seconds"),
        ),
        graph(
            "Calls",
            "A second, by connection and what came of them.",
            "ops",
            query(f"sum by (connection, outcome) (rate(flows_attempts_total{RATE}))", "{{connection}}: {{outcome}}"),
            stacked=True,
        ),
        graph(
            "Calls take",
            "95 % of the calls of a connection are faster.",
            "s",
            query(
                f"histogram_quantile(0.95, sum by (connection, le) (rate(flows_attempt_seconds_bucket{RATE})))",
                "{{connection}}",
            ),
        ),
    ]


def build() -> dashboard.Dashboard:
    """The dashboard."""
    flow = (
        dashboard.QueryVariable("flow")
        .label("Flow")
        .datasource(SOURCE)
        .query("label_values(flows_runs_started_total, flow)")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)  # noqa: FBT003 - the builder's only form
        .include_all(True)  # noqa: FBT003 - the builder's only form
        .all_value(".*")
        .current(VariableOption(selected=True, text="All", value="$__all"))
    )
    made = (
        dashboard.Dashboard("Closum Flows")
        .uid("closum-flows")
        .description("What comes in, how it ends, what waits, how long it takes.")
        .tags(["closum-flows"])
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .with_variable(flow)
    )
    for place, panel in enumerate(_panels(), start=1):
        made = made.with_panel(panel.id(place))
    return made


def text() -> str:
    """The file's content."""
    return JSONEncoder(sort_keys=True, indent=2).encode(build().build()) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
