"""docs/actions.md and docs/connections.md are right about the catalogue and about the connections file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.actions.closum import ENDPOINTS
from services.actions.connections import load
from services.actions.registry import ACTIONS

DOCS = Path(__file__).parents[2] / "docs"
ROWS = {
    row[0]: row[1:]
    for row in re.findall(r"(?m)^\| `([\w.]+)` \| (.+) \| (.+) \| (.+) \|$", (DOCS / "actions.md").read_text())
}
EXAMPLES = re.findall(r"(?s)```yaml\n(.*?)```", (DOCS / "connections.md").read_text())


def test_every_action_has_its_row() -> None:
    """With what a second call does, and whether its endpoint is known or assumed."""
    assert set(ROWS) == set(ACTIONS)
    for name, (_, twice, endpoint) in ROWS.items():
        assert twice.startswith(ACTIONS[name].signature.guarantee.value), name
        assert endpoint == (ENDPOINTS[name].basis.value if name in ENDPOINTS else "–"), name


@pytest.mark.parametrize("example", EXAMPLES, ids=["whole", "endpoints"])
def test_an_example_can_be_loaded(example: str, tmp_path: Path) -> None:
    """As it stands there."""
    (tmp_path / "connections.yaml").write_text(example)
    environ = {"CLOSUM_API_KEY": "a-key", "CRM_CLIENT_SECRET": "a-secret"}
    assert "closum" in load(tmp_path / "connections.yaml", environ)
