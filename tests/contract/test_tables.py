"""A table that several services use is named in one file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWNERS = {
    "audit": {"services/runtime/tables/audit.py"},
    "claims": {"services/runtime/tables/claims.py"},
    "dead_runs": {"services/runtime/tables/dead_runs.py"},
    # services/actions is its owner: who else reads it does it by these.
    "effects": {"services/runtime/tables/effects.py", "services/runtime/tables/dead_runs.py"},
    "dead_letter_decisions": {"services/runtime/dead_letters/decisions.py"},
    "event_ends": {"services/ingest/event_ends.py"},
}
ALSO = {"effects": "services/actions/"}


def naming(table: str) -> set[str]:
    """The files whose SQL names a table."""
    sql = re.compile(rf"\b(from|into|update|join) {table}\b(?! import)")
    files = (file for folder in ("services", "deploy") for file in (ROOT / folder).rglob("*.py"))
    return {str(file.relative_to(ROOT)) for file in files if sql.search(file.read_text())}


@pytest.mark.parametrize("table", OWNERS)
def test_only_its_owner_names_a_table(table: str) -> None:
    """Whoever else needs a row asks a function of the owner's."""
    also = ALSO.get(table)
    assert {file for file in naming(table) if also is None or not file.startswith(also)} == OWNERS[table]
