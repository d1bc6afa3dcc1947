"""Counts what comes otherwise than its source declares: flows see it as absent, and a person should see it at all."""

from __future__ import annotations

from contracts.triggers.payload import Payload
from services.runtime import metrics


def count(source: str, payload: Payload) -> None:
    """Of one event. Labels are the names of the schema, never those of a sender."""
    for field, came_as in payload.otherwise():
        metrics.FIELDS_OTHERWISE.labels(source, field, came_as).inc()
