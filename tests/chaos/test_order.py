"""A tenth of the contacts fail for a while: in each lane strict order, and the others are not held up.

The others are all done while those are ill: else this never ends.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.support.actions import kafka, worker
from tests.support.lane_order import failing, in_order, requests, subject
from tests.support.mixed_effects import Story
from tests.support.recorder import Recorder, recorder

SUBJECTS, EACH = 100, 20
ILL_SECONDS = 2.0


async def test_order_holds_while_some_fail(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, own_database: str
) -> None:
    """100 contacts with 20 requests each, ten ill until all others are done; some are parked, most are read ahead."""
    asked = requests(SUBJECTS, EACH)
    well_at = float("inf")
    healthy = SUBJECTS * EACH * 9 // 10

    def answer(body: dict[str, Any]) -> tuple[int, float | None]:
        nonlocal healthy, well_at
        healthy -= not body["phone"].endswith("0")
        if not healthy and well_at == float("inf"):
            well_at = time.monotonic() + ILL_SECONDS  # long enough for some to be parked
        return failing(body) if time.monotonic() < well_at else (201, None)

    some_ill = Recorder(answer=answer)
    async with kafka(kafka_bootstrap, topic_prefix) as topics:
        with (
            recorder(some_ill) as destination,
            worker(
                topics, tmp_path, destination.url, own_database, FLOWS_PARK_SECONDS="1", FLOWS_MAX_PENDING="400"
            ) as one,
        ):
            one.start()
            await one.says("partitions.assigned")
            await topics.put(asked)
            # `Story` knows the end of each run.
            story = Story(topics, None, own_database, asked)  # type: ignore[arg-type]
            await story.ended()
            assert one.stop() == 0
    assert in_order(destination.seen, ill_until=well_at) == {subject(number): EACH for number in range(SUBJECTS)}
