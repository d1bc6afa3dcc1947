"""What the services declare, together: their settings and their metrics."""

from __future__ import annotations

from services.actions import metrics as actions_metrics
from services.actions.settings import ActionsSettings
from services.ingest import metrics as ingest_metrics
from services.ingest.settings import IngestSettings
from services.runtime import metrics as runtime_metrics
from services.runtime.metrics import declared
from services.runtime.settings import RuntimeSettings
from services.tools import metrics as tools_metrics
from services.tools.settings import ToolsSettings

SETTINGS: tuple[type[RuntimeSettings], ...] = (IngestSettings, ToolsSettings, ActionsSettings)
"""By service, in the order in which an event meets them."""

FAMILIES = tuple(
    family
    for module in (ingest_metrics, tools_metrics, actions_metrics, runtime_metrics)
    for family in declared(vars(module))
)
"""Every metric; those of several services last."""

SERIES = {name: labels for family in FAMILIES for name, labels in family.series.items()}
"""Each series that /metrics may show, with its labels. Dashboards and alerts use these and no others: a test looks."""

NAMES = frozenset(family.name for family in FAMILIES)
"""Their names: counters with `_total`; histograms without `_bucket`, `_sum`, `_count`."""
