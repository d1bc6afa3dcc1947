"""The Grafana dashboard as code: `python -m deploy.grafana.dashboard` writes dashboards/flows.json.

Read from the top: is anything wrong now, what comes in and how it ends, what waits, how long it takes, what the
destinations answer. Made for Grafana 11.6, the version in docker-compose.yml; needs the `dev` packages.
"""

from __future__ import annotations

from pathlib import Path

from grafana_foundation_sdk.builders import common, dashboard, stat, timeseries
from grafana_foundation_sdk.builders import prometheus as prom
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

FILE = Path(__file__).parent / "dashboards" / "flows.json"
SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
FLOW = '{flow=~"$flow"}'
RATE = "[$__rate_interval]"


def _query(expression: str, legend: str = "") -> prom.Dataquery:
    return prom.Dataquery().expr(expression).legend_format(legend or "__auto").datasource(SOURCE)


def _number(
    title: str, about: str, expression: str, *, bad_from: float | None = None, unit: str = "short"
) -> stat.Panel:
    """One big number over the chosen time; red from `bad_from` on."""
    steps = [Threshold(value=None, color="green")]
    if bad_from is not None:
        steps.append(Threshold(value=bad_from, color="red"))
    return (
        stat.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .height(4)
        .span(4)
        .unit(unit)
        .decimals(0)
        .color_mode(BigValueColorMode.VALUE)
        .no_value("0")
        .thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_query(expression).instant().ref_id("A"))
    )


def _graph(title: str, about: str, unit: str, *queries: prom.Dataquery, stacked: bool = False) -> timeseries.Panel:
    """Lines over time."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .height(8)
        .span(12)
        .unit(unit)
        .min(0)
        .fill_opacity(20 if stacked else 5)
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .legend(
            common.VizLegendOptions()
            .show_legend(True)  # noqa: FBT003 - the builder's only form
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
        )
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    for letter, query in zip("ABCDEF", queries, strict=False):
        panel = panel.with_target(query.ref_id(letter))
    return panel


def _quantiles(histogram: str, filters: str = "") -> list[prom.Dataquery]:
    """The middle, the slow and the slowest hundredth of a histogram."""
    return [
        _query(f"histogram_quantile({share}, sum by (le) (rate({histogram}_bucket{filters}{RATE})))", name)
        for share, name in ((0.5, "half are faster"), (0.95, "95 % are faster"), (0.99, "99 % are faster"))
    ]


def _over_range(series: str) -> str:
    """How much a counter rose over the chosen time.

    increase() is blind to the first value of a new series, so a series that is new and has not risen counts whole.
    """
    return f"(sum((increase({series}[$__range]) > 0) or ({series} unless {series} offset $__range)) or vector(0))"


def _ended(outcome: str) -> str:
    """How many ended so over the chosen time: runs, and events that started none."""
    only = f'{{outcome="{outcome}"}}'
    return _over_range(f"flows_runs_ended_total{only}") + " + " + _over_range(f"flows_events_ended_total{only}")


def _panels() -> list[stat.Panel | timeseries.Panel]:
    return [
        _number("Accepted", "Events that Kafka acknowledged.", _over_range("flows_events_accepted_total")),
        _number("Delivered", "Runs with every step done.", _ended("delivered")),
        _number("Filtered", "Ended by a `stop`, or no flow wants them. No error.", _ended("filtered")),
        _number("Duplicate", "The same event again: it started nothing.", _ended("duplicate")),
        _number(
            "Dead letters",
            "A person must look: `flows dead list`.",
            _over_range("flows_dead_letters_total"),
            bad_from=0.5,
        ),
        _number(
            "Not ready",
            "Processes for which Kafka or PostgreSQL does not answer.",
            "count(flows_ready == 0) or vector(0)",
            bad_from=1,
        ),
        _graph(
            "Accepted",
            "Events a second, by trigger.",
            "ops",
            _query(f"sum by (trigger) (rate(flows_events_accepted_total{RATE}))", "{{trigger}}"),
            stacked=True,
        ),
        _graph(
            "How it ended",
            "Runs a second by outcome, and events that started no run.",
            "ops",
            _query(f"sum by (outcome) (rate(flows_runs_ended_total{FLOW}{RATE}))", "{{outcome}}"),
            _query(f"sum by (outcome) (rate(flows_events_ended_total{RATE}))", "{{outcome}}, no run"),
            stacked=True,
        ),
        _graph(
            "Delivered, by flow",
            "Runs a second with every step done.",
            "ops",
            _query(
                f'sum by (flow) (rate(flows_runs_ended_total{{outcome="delivered", flow=~"$flow"}}{RATE}))',
                "{{flow}}",
            ),
        ),
        _graph(
            "Filtered, by flow",
            "Runs a second that a `stop` ended. A sudden rise means that events look different from before.",
            "ops",
            _query(
                f'sum by (flow) (rate(flows_runs_ended_total{{outcome="filtered", flow=~"$flow"}}{RATE}))',
                "{{flow}}",
            ),
        ),
        _graph(
            "Dead letters",
            "In ten minutes, by topic and cause. Each waits for a person.",
            "short",
            _query("sum by (topic, code) (increase(flows_dead_letters_total[10m]))", "{{topic}}: {{code}}"),
        ),
        _graph(
            "Lag",
            "Records that wait, by topic. Rising without an end: too few workers, or a slow destination.",
            "short",
            _query("sum by (topic) (flows_lag_records)", "{{topic}}"),
        ),
        _graph(
            "Accepted to delivered",
            "From the acknowledgement of an event to the end of its run.",
            "s",
            *_quantiles("flows_delivery_seconds", FLOW),
        ),
        _graph(
            "Hook answered after",
            "From a request read to Kafka's acknowledgement: what senders wait for.",
            "s",
            *_quantiles("flows_acknowledgement_seconds"),
        ),
        _graph(
            "Calls",
            "A second, by connection and what came of them.",
            "ops",
            _query(f"sum by (connection, outcome) (rate(flows_attempts_total{RATE}))", "{{connection}}: {{outcome}}"),
            stacked=True,
        ),
        _graph(
            "Calls take",
            "95 % of the calls of a connection are faster.",
            "s",
            _query(
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
    for number, panel in enumerate(_panels(), start=1):
        made = made.with_panel(panel.id(number))
    return made


def text() -> str:
    """The file's content."""
    return JSONEncoder(sort_keys=True, indent=2).encode(build().build()) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
