"""Round robin when workers are killed: nobody is skipped, no run changes its agent."""

from __future__ import annotations

from pathlib import Path

from tests.support.rotating import ROUND, rotate


async def test_shares_are_exact_and_no_run_changes_its_agent_though_workers_are_killed(
    kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Three workers, three SIGKILLs; `python -m tests.bench.round_robin` does it with twenty."""
    shares = await rotate(kafka_bootstrap, database_url, topic_prefix, tmp_path, events=1500, kills=3)
    assert (shares.runs, shares.changed) == (1500, 0)
    assert shares.turns == 1500, "a turn is taken once, however often its run is done"
    assert shares.off <= ROUND
