"""What the dashboards are built of: big numbers and graphs, with the same look. Needs the `dev` packages."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common, dashboard, stat, timeseries
from grafana_foundation_sdk.builders import prometheus as prom
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import DataSourceRef, Threshold, ThresholdsMode

SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
FLOW = '{flow=~"$flow"}'
RATE = "[$__rate_interval]"


def query(expression: str, legend: str = "") -> prom.Dataquery:
    """One series or several, each with its legend."""
    return prom.Dataquery().expr(expression).legend_format(legend or "__auto").datasource(SOURCE)


def number(
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
        .with_target(query(expression).instant().ref_id("A"))
    )


def graph(title: str, about: str, unit: str, *queries: prom.Dataquery, stacked: bool = False) -> timeseries.Panel:
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


def quantiles(histogram: str, filters: str = "") -> list[prom.Dataquery]:
    """The middle, the slow and the slowest hundredth of a histogram."""
    return [
        query(f"histogram_quantile({share}, sum by (le) (rate({histogram}_bucket{filters}{RATE})))", name)
        for share, name in ((0.5, "half are faster"), (0.95, "95 % are faster"), (0.99, "99 % are faster"))
    ]


def over_range(series: str) -> str:
    """How much a counter rose over the chosen time.

    increase() is blind to the first value of a new series, so a series that is new and has not risen counts whole.
    """
    return f"(sum((increase({series}[$__range]) > 0) or ({series} unless {series} offset $__range)) or vector(0))"
