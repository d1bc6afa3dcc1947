"""A metric as a newcomer would add it to services/actions/metrics.py, and the query of the panel that shows it."""

from __future__ import annotations

from prometheus_client import Counter

# `registry=None` in this sample only: it is none of the product's.
NOTES_WRITTEN = Counter("flows_notes_written", "Notes written about leads", ["connection"], registry=None)

PANEL = "sum by (connection) (rate(flows_notes_written_total[5m]))"
