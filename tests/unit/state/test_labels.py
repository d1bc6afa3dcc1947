"""What metrics call the needs with state."""

from __future__ import annotations

from services.tools.state.state_tables import KINDS

ALWAYS = {"claim", "settle", "turn", "count", "load", "store", "permit", "collect", "release", "merge", "stands"}


def test_a_need_keeps_its_label_in_metrics_whatever_its_class_is_called() -> None:
    """Dashboards and alerts ask for these; a new need adds its own."""
    labels = [kind.label for kind in KINDS]

    assert set(labels) >= ALWAYS
    assert len(labels) == len(set(labels)), "two needs under one label"
