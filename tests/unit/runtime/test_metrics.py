"""Metrics: one list that dashboards and alerts are held against."""

from __future__ import annotations

import re
import sys

import pytest
from prometheus_client import REGISTRY

from services.project.declarations import NAMES, SERIES
from services.runtime import lifecycle
from services.runtime.version import version
from services.tools.settings import ToolsSettings

UNBOUNDED = {"run", "run_id", "event", "event_id", "effect_id", "subject", "key", "url", "account"}


def test_the_list_is_what_the_registry_holds() -> None:
    """No metric of ours is missing from NAMES, none is made up."""
    families = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in REGISTRY.collect()
        if family.name.startswith("flows_")
    }
    assert families == NAMES


def test_every_name_is_ours_and_no_label_is_an_id() -> None:
    """Names begin with flows_; labels are bounded."""
    for series, labels in SERIES.items():
        assert re.fullmatch("flows_[a-z_]+", series)
        assert not labels & UNBOUNDED


def test_a_histogram_is_listed_by_its_series() -> None:
    """Queries use _bucket with le, _sum and _count."""
    assert SERIES["flows_delivery_seconds_bucket"] == {"flow", "le"}
    assert SERIES["flows_delivery_seconds_count"] == {"flow"}
    assert "flows_delivery_seconds" in NAMES
    assert "flows_delivery_seconds" not in SERIES


def test_a_service_that_begins_says_which_release_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """`flows_build_info{version="0.1.0"} 1`, as Prometheus expects of every program."""
    monkeypatch.setattr(sys, "argv", ["tools"])
    lifecycle.begin("tools", "A service of the tests.", ToolsSettings)
    assert REGISTRY.get_sample_value("flows_build_info", {"version": version()}) == 1
