"""A wrong deploy does not drain `events` into the dead letters: the real process holds it, says so, loses nothing."""

from __future__ import annotations

import json
from pathlib import Path

from contracts.topics import ACTIONS, EVENTS_DLQ
from tests.support import batches
from tests.support.tools_process import read, send, stack, story

COUNT = 300
WRONG = """
flow: wrong
on: closum.lead.created
steps:
  - stop: ${ string(int(trigger.name)) }
"""


async def test_a_topic_whose_records_all_die_waits(
    kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Not ready, alive, few dead; restarted it begins there again; switched off, all die and what is good goes on."""
    good = story(topic_prefix, 20)
    few = {"FLOWS_DEAD_LETTER_RUN": "20", "FLOWS_BATCH_SIZE": "10", "FLOWS_STALL_SECONDS": "3"}
    async with stack(
        kafka_bootstrap, database_url, topic_prefix, tmp_path, WRONG, batches.PHONE, partitions=1
    ) as replica:
        replica.more = few
        replica.start()
        await replica.ready()
        bad = [
            batches.event(
                number,
                type="closum.lead.created",
                source=f"/hooks/{topic_prefix}bad",
                data={"name": "Ana", "email": "a@b.pt"},
            )
            for number in range(COUNT)
        ]
        await send(replica.settings, [*bad, *good])
        body = await replica.until("/readyz", lambda status, _: status == 503)
        assert "held" in json.loads(body)["faults"]["events"]
        await replica.until("/metrics", lambda _, text: 'flows_topic_held{topic="events"} 1.0' in text)
        # Longer than the watchdog's patience: waiting is no stall.
        await replica.until("/livez", lambda status, _: status == 200)
        died = len(await read(replica.settings, EVENTS_DLQ, lambda found: len(found) >= 20))
        assert died <= 20 + 10
        replica.kill()
        replica.more = {"FLOWS_DEAD_LETTER_RUN": "0"}
        replica.start()
        await replica.ready()
        requests = await read(replica.settings, ACTIONS, lambda found: len(found) >= len(good))
        letters = await read(replica.settings, EVENTS_DLQ, lambda found: len(found) >= COUNT)
        assert len(requests) == len(good)
        assert {letter.value for letter in letters} == {event.to_bytes() for event in bad}
        assert replica.stop() == 0
