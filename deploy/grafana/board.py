"""A dashboard from its panels: one variable to choose by, the same head on each. Needs the `dev` packages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, VariableOption, VariableRefresh, VariableSort

from deploy.grafana.panels import SOURCE

FOLDER = Path(__file__).parent / "dashboards"


@dataclass(frozen=True)
class Board:
    """One dashboard. `choose`: the label of the series `chosen_from` by which a person chooses."""

    file: str
    uid: str
    title: str
    about: str
    choose: str
    chosen_from: str
    panels: Sequence[stat.Panel | timeseries.Panel]

    @property
    def path(self) -> Path:
        """Where Grafana reads it."""
        return FOLDER / self.file

    def text(self) -> str:
        """The file's content."""
        variable = (
            dashboard.QueryVariable(self.choose)
            .label(self.choose.capitalize())
            .datasource(SOURCE)
            .query(f"label_values({self.chosen_from}, {self.choose})")
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(VariableSort.ALPHABETICAL_ASC)
            .multi(True)  # noqa: FBT003 - the builder's only form
            .include_all(True)  # noqa: FBT003 - the builder's only form
            .all_value(".*")
            .current(VariableOption(selected=True, text="All", value="$__all"))
        )
        made = (
            dashboard.Dashboard(self.title)
            .uid(self.uid)
            .description(self.about)
            .tags(["closum-flows"])
            .refresh("30s")
            .time("now-6h", "now")
            .timezone("browser")
            .tooltip(DashboardCursorSync.CROSSHAIR)
            .readonly()
            .with_variable(variable)
        )
        for place, panel in enumerate(self.panels, start=1):
            made = made.with_panel(panel.id(place))
        return JSONEncoder(sort_keys=True, indent=2).encode(made.build()) + "\n"

    def write(self) -> None:
        """Write the file."""
        self.path.write_text(self.text())
