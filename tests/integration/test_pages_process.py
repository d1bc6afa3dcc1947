"""Pages through real processes on real Kafka: killed between two pages, none is asked for under a second effect id."""

from __future__ import annotations

from pathlib import Path

import orjson

from contracts.actions import ActionRequest
from contracts.runs import Answer, RunMessage
from contracts.topics import ACTIONS, RUNS
from tests.support import batches
from tests.support.tools_process import read, send, stack

FLOW = """
flow: pages
on: closum.whatsapp.message_received
steps:
  - id: contacts
    action: http.request
    connection: crm
    with: { method: GET, url: /contacts }
    paginate: { items: "${ page.json.items }", next: "${ page.json.?next }", query: cursor }
  - for_each: ${ contacts.items }
    do:
      - action: http.request
        connection: crm
        with: { method: PUT, url: /seen, json: "${ item }" }
"""
PAGES = {None: ([1, 2], "b"), "b": ([3, 4], "c"), "c": ([5], None)}


async def test_a_kill_between_pages_asks_for_no_page_and_hands_on_no_item_twice(
    kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """The process dies with the answer to the second page on `runs`, and again behind the first item."""
    async with stack(kafka_bootstrap, database_url, topic_prefix, tmp_path, FLOW) as replica:
        replica.start()
        await replica.ready()
        phone = "+351 912000001"
        event = batches.event(1, source=f"/hooks/{topic_prefix}", subject=phone, data={"from": phone})
        await send(replica.settings, [event])
        asked: dict[str, ActionRequest] = {}
        for number in range(1, 3 + 5 + 1):

            def another(found: list[object], number: int = number) -> bool:
                return len({ActionRequest.read(one.value).effect_id for one in found}) >= number  # type: ignore[attr-defined]

            found = [ActionRequest.read(one.value) for one in await read(replica.settings, ACTIONS, another)]
            new = [one for one in found if one.effect_id not in asked]
            asked |= {one.effect_id: one for one in new}
            assert len(asked) == number
            if number in (2, 4):
                replica.kill()
            await send(replica.settings, [answered(new[-1])], topic=RUNS)
            if number in (2, 4):
                replica.start()
                await replica.ready()
        calls = list(asked.values())
    pages, items = calls[:3], calls[3:]
    assert [(one.step, one.inputs.get("query")) for one in pages] == [
        ("0", None),
        ("0[1]", {"cursor": "b"}),
        ("0[2]", {"cursor": "c"}),
    ]
    assert [one.inputs["json"] for one in items] == [1, 2, 3, 4, 5]


def answered(request: ActionRequest) -> bytes:
    """What services/actions tells the run."""
    outputs: dict[str, object] = {"status": 200, "headers": {}}
    if request.inputs["method"] == "GET":
        items, after = PAGES[(request.inputs.get("query") or {}).get("cursor")]
        outputs["json"] = orjson.loads(orjson.dumps({"items": items, "next": after}))
    answer = Answer(effect_id=request.effect_id, step=request.step, outputs=outputs)
    return RunMessage(run=request.run, answer=answer).to_bytes()
