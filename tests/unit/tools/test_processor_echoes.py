"""What the processor does with the verdicts on changes, and with the writes of its own calls."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from contracts.actions import ActionRequest
from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.topics import ACTIONS, EVENTS_DLQ, HISTORY
from services.flows.sync import ReportedChange, Write
from services.tools.echoes.echo_verdict import EchoVerdict
from tests.support import batches

FLOW = """
flow: mirror
description: What changes here is changed there.
on: closum.contact.updated
steps:
  - action: closum.lead.edit_by_email
    with: { email: "${ trigger.email }", name: "${ trigger.name }" }
"""


class Judge:
    """Echoes by a decision that is given; remembers what it was told."""

    def __init__(self, decision: str) -> None:
        self.decision = decision
        self.judged: list[str] = []
        self.writes: list[tuple[ActionRequest, Write]] = []

    async def judge(self, changes: Sequence[tuple[Event, ReportedChange]]) -> Sequence[EchoVerdict]:
        """The same for all; a mixed one passes with another name."""
        self.judged += [event.id for event, _ in changes]
        return [EchoVerdict(self.decision, "because", _renamed(event)) for event, _ in changes]

    async def write(self, writes: Sequence[tuple[ActionRequest, Write]]) -> None:
        """Keep them."""
        self.writes += writes


def _renamed(event: Event) -> Event:
    return event.model_copy(update={"data": {**event.data, "name": "what is left"}})


def changed(number: int) -> Event:
    """A contact whose name was changed."""
    data = {"email": "a@b.pt", "name": "Ana", "changed": ["name"]}
    return batches.event(number, type="closum.contact.updated", data=data)


@pytest.mark.parametrize("decision", ["passed", "mixed"])
async def test_what_is_left_of_a_change_goes_on_and_its_write_is_remembered(tmp_path: Path, decision: str) -> None:
    """Before its request is published; a run that makes no call writes nothing."""
    judge = Judge(decision)
    processor, published = batches.processor(batches.compiled(tmp_path, FLOW), echoes=judge)
    await processor.events(batches.records(changed(1), batches.event(2), changed(3)))
    assert judge.judged == ["1", "3"]
    requests = published.to(ACTIONS)
    assert [request["inputs"]["name"] for request in requests] == ["what is left"] * 2
    assert [request.effect_id for request, _ in judge.writes] == [request["effect_id"] for request in requests]
    assert all(write.aliases["email"] == "a@b.pt" for _, write in judge.writes)


async def test_an_echo_starts_nothing_and_says_so(tmp_path: Path) -> None:
    judge = Judge("suppressed")
    processor, published = batches.processor(batches.compiled(tmp_path, FLOW), echoes=judge)
    await processor.events(batches.records(changed(1)))
    (end,) = published.to(HISTORY)
    assert (end["event_id"], end["outcome"], end["reason"]) == ("1", "suppressed", "because")
    assert (published.to(ACTIONS), judge.writes) == ([], [])


async def test_a_change_that_goes_back_and_forth_is_a_dead_letter(tmp_path: Path) -> None:
    processor, published = batches.processor(batches.compiled(tmp_path, FLOW), echoes=Judge("held"))
    await processor.events(batches.records(changed(1)))
    letter, end = published.outputs
    told = DeadLetter.from_headers(letter.headers or [])
    assert (letter.topic, told.code, told.cause) == (EVENTS_DLQ, ErrorCode.SYNC_LOOP, "because")
    assert published.ends() == [("dead", "sync_loop")]
    assert end.topic is HISTORY


async def test_a_redelivery_is_not_judged_again(tmp_path: Path) -> None:
    """It ended as a duplicate, whatever it changes."""
    judge = Judge("passed")
    processor, published = batches.processor(batches.compiled(tmp_path, FLOW), echoes=judge)
    await processor.events(batches.records(changed(1)))
    await processor.events([batches.record(changed(1).to_bytes(), 9)])
    assert judge.judged == ["1"]
    (duplicate,) = published.to(HISTORY)
    assert (duplicate["outcome"], duplicate["reason"]) == ("duplicate", "seen before")
