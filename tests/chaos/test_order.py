"""A tenth of the contacts fail for a while: in each lane strict order, and the others are not held up.

The full run, with latencies: `python -m tests.bench.order`.
"""

from __future__ import annotations

import time
from pathlib import Path

from tests.support.actions import kafka, worker
from tests.support.lane_order import failing, in_order, requests, subject
from tests.support.mixed_effects import Story
from tests.support.recorder import Recorder, recorder

SUBJECTS, EACH = 100, 20
ILL_SECONDS = 4.0


async def test_order_holds_while_some_fail(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, own_database: str
) -> None:
    """100 contacts with 20 requests each, ten of them ill for 4 seconds; some waits are parked, some are not."""
    asked = requests(SUBJECTS, EACH)
    well_at = time.monotonic() + 1e9
    some_ill = Recorder(answer=lambda body: failing(body) if time.monotonic() < well_at else (201, None))
    async with kafka(kafka_bootstrap, topic_prefix) as topics:
        with (
            recorder(some_ill) as destination,
            worker(topics, tmp_path, destination.url, own_database, FLOWS_PARK_SECONDS="1") as one,
        ):
            one.start()
            await one.says("partitions.assigned")
            well_at = time.monotonic() + ILL_SECONDS
            await topics.put(asked)
            # `Story` knows the end of each run.
            story = Story(topics, None, own_database, asked)  # type: ignore[arg-type]
            await story.ended()
            assert one.stop() == 0
    healthy_done = [moment for moment, body in destination.seen if not body["phone"].endswith("0")]
    assert max(healthy_done) < well_at  # nobody waited for the ill ones
    assert in_order(destination.seen, ill_until=well_at) == {subject(number): EACH for number in range(SUBJECTS)}
