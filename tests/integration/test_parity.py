"""A flow does in `flows test` what it does on the real parts: the same requests in the same order, the same ends."""

from __future__ import annotations

from pathlib import Path

from tests.parity.compare import compare
from tests.parity.scenario import scenario

SEED, FLOWS, EVENTS = 3, 14, 4


async def test_random_flows_do_the_same_in_both(
    tmp_path: Path, kafka_bootstrap: str, own_database: str, topic_prefix: str
) -> None:
    """Tools, calls that fail in all ways, branches, loops, waits and their events; `make parity` plays more seeds."""
    made = scenario(SEED, tmp_path, flows=FLOWS, events_each=EVENTS)

    compared = await compare(made, kafka_bootstrap, own_database, topic_prefix)

    assert not compared.wrong, "\n\n".join(compared.wrong)
    assert compared.requests > FLOWS, str(compared)
