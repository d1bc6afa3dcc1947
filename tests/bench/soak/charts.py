"""The charts of a soak, as SVG without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pygal
from pygal.style import Style

from tests.bench.soak.samples import Sample, series

TITLES = {
    "memory": ("Memory of the services", "MB"),
    "rows": ("Rows of the tables", "rows"),
    "size": ("Size of the tables with their indices", "MB"),
    "lag": ("Records not yet consumed", "records"),
}
SMALL = {"rows": 100.0, "size": 0.5}
"""Tables that never come over it would only crowd the chart."""
STYLE = Style(
    background="white",
    plot_background="white",
    font_family="sans-serif",
    colors=(
        "#0072b2",
        "#d55e00",
        "#009e73",
        "#cc79a7",
        "#e69f00",
        "#56b4e9",
        "#000000",
        "#999999",
        "#7b3294",
        "#8c510a",
    ),
)


def draw(folder: Path, samples: Sequence[Sample]) -> list[Path]:
    """Write one SVG for each thing measured."""
    return [_draw(folder / f"{what}.svg", samples, what) for what in TITLES]


def _draw(path: Path, samples: Sequence[Sample], what: str) -> Path:
    title, unit = TITLES[what]
    chart = pygal.XY(
        js=(),
        title=title,
        x_title="minutes",
        y_title=unit,
        style=STYLE,
        width=1000,
        height=400,
        show_dots=False,
        stroke_style={"width": 2},
        truncate_legend=-1,
        include_x_axis=True,
        value_formatter=lambda value: f"{value:,.0f}",
        x_value_formatter=lambda value: f"{value:.0f}",
    )
    chart.x_labels = range(round(max(sample.second for sample in samples) / 60) + 1)
    for of, values in series(samples, what).items():
        if max(value for _, value in values) >= SMALL.get(what, 0.0):
            chart.add(of, [(second / 60, value) for second, value in values])
    path.write_bytes(chart.render())
    return path
