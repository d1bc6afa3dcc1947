"""Example 3 over real services: both systems agree, and nothing goes round. Switched off, it does."""

from __future__ import annotations

from pathlib import Path

from tests.bench.two_way_sync import sync


async def test_both_systems_agree_and_every_write_of_ours_came_back_once(
    kafka_bootstrap: str, database_url: str, tmp_path: Path
) -> None:
    """Webhooks for every write, ours included, delayed by chance, some twice. Conflicts: the last change wins."""
    found = await sync(kafka_bootstrap, database_url, tmp_path, contacts=60, edits=300)
    assert found.faults == []
    assert (found.agree, found.right) == (60, found.undisputed)
    assert found.undisputed > 0
    assert found.ends["suppressed"] == found.writes
    assert found.ends["delivered"] == found.edits
    assert found.ends["dead"] == 0
    assert found.settled_seconds < 60  # the benchmark shows how soon; this machine may be busy


async def test_switched_off_it_loops(kafka_bootstrap: str, database_url: str, tmp_path: Path) -> None:
    """A handful of edits, and our writes do not end: they are counted until they are ten times the edits."""
    found = await sync(
        kafka_bootstrap, database_url, tmp_path, contacts=3, edits=3, on=False, delay_seconds=0.05, most_writes=30
    )
    assert found.ends["suppressed"] == 0
    assert found.writes >= 30
