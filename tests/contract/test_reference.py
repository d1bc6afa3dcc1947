"""Every declared metric is shown to somebody, every setting is read by somebody."""

from __future__ import annotations

import pytest

from services.cli.generate.reference_pages import shown
from services.project.declarations import FAMILIES, SETTINGS
from services.runtime.metrics import Family
from services.runtime.settings import RuntimeSettings
from tests.support.deployment import ROOT
from tests.support.settings_read import unread

SHOWN = shown(ROOT)
PROGRAMS = [file.read_text() for folder in ("services", "deploy") for file in (ROOT / folder).rglob("*.py")]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_metric_is_in_a_panel_or_an_alert(family: Family) -> None:
    """What nobody is shown, nobody needs: show it in deploy/grafana or deploy/prometheus, or delete it."""
    assert SHOWN.get(family.name)


@pytest.mark.parametrize("kind", SETTINGS, ids=lambda kind: kind.__name__)
def test_a_setting_is_read(kind: type[RuntimeSettings]) -> None:
    """What nothing reads changes nothing: delete it."""
    assert unread(kind.model_fields, PROGRAMS) == []


def test_what_is_not_shown_or_read_would_be_found() -> None:
    """The tests above can fail."""
    assert "flows_never_declared_total" not in SHOWN
    assert unread(["never_declared"], PROGRAMS) == ["never_declared"]
