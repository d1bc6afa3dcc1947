"""A metric is one line and the panel that shows it: the reference and the checks of queries follow."""

from __future__ import annotations

from services.cli.generate.reference_pages import metrics_page, places_of
from services.runtime.metrics import declared
from tests.extensions import metric

FAMILIES = declared(vars(metric))
(ADDED,) = FAMILIES


def test_it_is_known_by_its_series_and_labels() -> None:
    """By these, queries of panels and alerts are held to what there is."""
    assert ADDED.series == {"flows_notes_written_total": frozenset({"connection"})}


def test_it_is_shown_to_people() -> None:
    """In the reference, with its panel."""
    shown = places_of([("Closum Flows: Notes", [metric.PANEL])])
    row = "| `flows_notes_written_total` | counter | `connection` | Notes written about leads | Closum Flows: Notes |"
    assert row in metrics_page(FAMILIES, shown)
    assert places_of([]).keys().isdisjoint({ADDED.name})
