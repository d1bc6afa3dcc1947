"""throttle and digest wait as a flow's `wait` does: in PostgreSQL, through the death of the worker."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import orjson

from contracts.topics import ACTIONS, HISTORY
from tests.support import batches
from tests.support.tools_process import read, send, stack, story

THROTTLED = f"""
flow: throttled
description: Two in any two seconds, the others wait.
on: {batches.TRIGGER}
steps:
  - id: limit
    tool: throttle
    with: {{ most: 2, per: 2s }}
  - action: http.request
    connection: crm
    with: {{ method: POST, url: /contacts, json: {{ at: "${{ limit.at }}" }} }}
"""
DIGEST = f"""
flow: digest
description: One call for all that came within three seconds.
on: {batches.TRIGGER}
steps:
  - id: together
    tool: digest
    with: {{ item: "${{ trigger.message_id }}", within: 3s }}
  - action: http.request
    connection: crm
    with: {{ method: POST, url: /contacts, json: {{ items: "${{ together.items }}" }} }}
"""


async def test_throttled_runs_pass_in_their_turn_and_a_digest_is_one_call_though_the_worker_is_killed(
    kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    count = 6
    events = [one.model_copy(update={"account": topic_prefix}) for one in story(topic_prefix, count)]
    async with stack(kafka_bootstrap, database_url, topic_prefix, tmp_path, THROTTLED, DIGEST) as replica:
        replica.start()
        await replica.ready()
        await send(replica.settings, events)
        # Those that passed at once, and those that were collected, have left: the others wait.
        await read(replica.settings, ACTIONS, lambda found: len(found) >= 2)
        await read(replica.settings, HISTORY, lambda found: len(found) >= count - 1)
        replica.kill()
        replica.start()
        requests = await read(
            replica.settings,
            ACTIONS,
            lambda found: len({orjson.loads(one.value)["effect_id"] for one in found}) > count,
        )
    made = {request["effect_id"]: request for request in (orjson.loads(one.value) for one in requests)}
    at = [
        datetime.fromisoformat(request["inputs"]["json"]["at"])
        for request in made.values()
        if request["run"]["flow"] == "throttled"
    ]
    assert len(at) == count
    at.sort()
    assert all((later - earlier).total_seconds() >= 2 for earlier, later in zip(at, at[2:], strict=False))
    (digest,) = (request for request in made.values() if request["run"]["flow"] == "digest")
    assert sorted(digest["inputs"]["json"]["items"]) == [str(number) for number in range(count)]
