"""A loop through the processor: each round's call is a message of its own, and the run carries what is left."""

from __future__ import annotations

from pathlib import Path

from contracts.topics import ACTIONS
from tests.support import batches

LOOP = f"""
flow: loop
description: A call for each of three.
on: {batches.TRIGGER}
steps:
  - for_each: [ana, rui, eva]
    as: name
    do:
      - id: crm
        action: http.request
        connection: crm
        with: {{ method: POST, url: "/contacts/${{ name }}" }}
"""


async def test_a_call_for_each_item_one_after_the_other(tmp_path: Path) -> None:
    """The next is asked for when the one before was answered; an answer that comes again asks for the same again."""
    processor, published = batches.processor(batches.compiled(tmp_path, LOOP))
    await processor.events(batches.records(batches.event(1)))
    seen = []
    for number, name in enumerate(("ana", "rui", "eva")):
        *_, request = published.to(ACTIONS)
        published.outputs.clear()
        assert (request["step"], request["inputs"]["url"]) == (f"0[{number}].do.0", f"/contacts/{name}")
        assert request["last"] is False
        seen.append(request["effect_id"])
        answer = batches.reply(request, outputs={"status": 201})
        await processor.runs([answer, answer])
    assert len(set(seen)) == len(seen)
    assert published.ends() == [("delivered", None)] * 2
