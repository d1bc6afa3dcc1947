"""docs/actions.md and docs/connections.md are right about the catalogue and about the connections file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from services.actions.connections import load
from services.actions.connections.presets import PRESETS
from services.actions.registry import ACTIONS
from services.cli.generate.reference import with_actions, with_connection_presets

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = re.findall(r"(?s)```yaml\n(.*?)```", (DOCS / "connections.md").read_text())


def test_every_action_has_its_row() -> None:
    """By Closum's own name, with what a second call does, and whether its endpoint is known or assumed."""
    page = (DOCS / "actions.md").read_text()
    assert page == with_actions(page)
    assert "| `closum.sms.send` | SMS: Send One-Time Message | Send an SMS. | at_most_once | confirmed |" in page
    assert "| `closum.lead.add` | Lead: Add Lead |" in page
    for name in ("closum.lead.add", "http.request"):
        assert re.search(rf"(?m)^\| `{name}` .* \| (repeatable, or )?at_most_once(,| by its inputs)", page)
    for name in ACTIONS:
        assert f"| `{name}` |" in page


def test_every_known_platform_has_its_row() -> None:
    """With what is inferred and assumed of it."""
    page = (DOCS / "connections.md").read_text()
    assert page == with_connection_presets(page)
    for name in PRESETS:
        assert f"| `{name}` |" in page


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: next(iter(YAML().load(example)["connections"])))
def test_an_example_can_be_loaded(example: str, tmp_path: Path) -> None:
    """As it stands there, whatever its secrets are."""
    (tmp_path / "connections.yaml").write_text(example)
    assert load(tmp_path / "connections.yaml", secrets=False)
