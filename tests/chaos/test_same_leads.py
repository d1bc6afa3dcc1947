"""Avoid lead duplication, when everybody sends the same leads at once."""

from __future__ import annotations

from pathlib import Path

from tests.support.same_leads import write


async def test_writers_that_send_the_same_leads_make_each_of_them_once(
    kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Eight writers, 150 leads in different spellings; `python -m tests.bench.same_leads` does it with 5,000."""
    made = await write(kafka_bootstrap, database_url, topic_prefix, tmp_path, writers=8, leads=150)
    assert (made.leads, made.effects) == (150, 150)
    assert made.ends == {"delivered": 150, "filtered duplicate": 7 * 150}
