"""What tests of the processor share: flows from text, records, and a publisher and claims that live in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from contracts.events import Event
from contracts.runs import Answer, Run, RunMessage
from contracts.topics import EVENTS, HISTORY, RUNS, Topic
from services.flows.catalogue import Tool, collect
from services.flows.compile import CompiledFlow, compile_flow
from services.flows.load import load_paths
from services.runtime.kafka import ConsumedRecord, OutgoingRecord
from services.tools import catalog
from services.tools.batch_processor import BatchProcessor
from services.tools.claims import ClaimAnswer, EventClaim, Repeat
from services.tools.folder_flows import FolderFlows
from services.tools.timers.timer import EndedWait, SetTimer, Timer, began, coming, first_ending, origin

TRIGGER = "closum.whatsapp.message_received"

CALL = """
  - id: crm
    action: http.request
    connection: crm
    with: { method: POST, url: /contacts, json: { phone: "${ trigger.from }" } }
"""

ONE_CALL = f"""
flow: one-call
description: One call, nothing after it.
on: {TRIGGER}
steps:{CALL}"""

TWO_CALLS = f"""
flow: two-calls
description: A second call with what the first one gave.
on: {TRIGGER}
steps:{CALL}
  - action: http.request
    connection: crm
    with: {{ method: POST, url: /seen, json: {{ status: "${{ crm.status }}" }} }}
"""

PHONE = f"""
flow: phone
description: A call for real phone numbers only.
on: {TRIGGER}
steps:
  - id: phone
    tool: phone.format
    with: {{ number: "${{ trigger.from }}", region: PT }}
  - if: ${{ !phone.valid }}
    then:
      - stop: not a phone number
  - action: http.request
    connection: crm
    with: {{ method: POST, url: /contacts, json: {{ phone: "${{ phone.e164 }}" }} }}
"""

OWN_KEY = f"""
flow: own-key
description: Order by another key than the event's subject.
on: {TRIGGER}
key: ${{ trigger.from }}
steps:{CALL}"""


def compiled(folder: Path, *texts: str, tools: Mapping[str, Tool] | None = None) -> list[CompiledFlow]:
    """Flows from their text; all tools of the catalogue unless others are given."""
    for number, text in enumerate(texts):
        (folder / f"{number}.yaml").write_text(text)
    sources, faults = load_paths([folder])
    assert not faults, "\n".join(str(fault) for fault in faults)
    return [compile_flow(source, collect(catalog) if tools is None else tools) for source in sources]


def event(number: int = 1, **changes: Any) -> Event:
    """An event: the number is its id, and its sender has a real phone unless `data` says otherwise."""
    fields: dict[str, Any] = {
        "id": str(number),
        "source": "/hooks/test",
        "type": TRIGGER,
        "subject": f"contact-{number % 7}",
        "data": {"message_id": str(number), "from": "+351 912 345 678", "text": "Olá 🙂", "contact": {"name": "Inês"}},
    }
    return Event.model_validate(fields | changes)


def record(
    value: bytes | None,
    offset: int = 0,
    *,
    topic: Topic = EVENTS,
    key: bytes = b"default/contact-1",
    partition: int = 0,
) -> ConsumedRecord:
    """A record as it comes from Kafka."""
    return ConsumedRecord(topic, topic.under("test."), partition, offset, key, value, [("origin", b"elsewhere")])


def records(*events: Event) -> list[ConsumedRecord]:
    """Events one after the other in one partition."""
    return [record(each.to_bytes(), offset, key=each.key) for offset, each in enumerate(events)]


def reply(request: dict[str, Any], **answer: Any) -> ConsumedRecord:
    """The record that services/actions writes for an action request."""
    message = RunMessage(
        run=Run.model_validate(request["run"]),
        answer=Answer(effect_id=request["effect_id"], step=request["step"], **answer),
    )
    return record(message.to_bytes(), topic=RUNS)


class Published:
    """A publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.outputs: list[OutgoingRecord] = []

    async def publish(self, outputs: Sequence[OutgoingRecord]) -> None:
        """Keep them."""
        self.outputs += outputs
        for output in outputs:
            output.on_acknowledged()

    def to(self, topic: Topic) -> list[dict[str, Any]]:
        """The messages for one topic, decoded."""
        return requests(self.outputs, topic)

    def ends(self) -> list[tuple[str, str | None]]:
        """How runs and events ended: (outcome, code)."""
        return [(end["outcome"], end.get("code")) for end in self.to(HISTORY)]


def requests(outputs: Sequence[OutgoingRecord], topic: Topic) -> list[dict[str, Any]]:
    """The messages for one topic, decoded."""
    return [orjson.loads(output.value or b"null") for output in outputs if output.topic is topic]


class MemoryClaims:
    """Claims without a database, as the model of those with one."""

    def __init__(self) -> None:
        self.holders: dict[tuple[str, str], str] = {}
        self.notes: dict[tuple[str, str], str] = {}
        self.contents: dict[tuple[str, str], str] = {}

    async def __call__(self, wishes: Sequence[EventClaim]) -> list[bool]:
        """For each wish, whether its claimer is the first."""
        return [
            self.holders.setdefault((wish.account, wish.key), wish.claimed_by) == wish.claimed_by for wish in wishes
        ]

    async def noted(self, wishes: Sequence[EventClaim]) -> list[ClaimAnswer]:
        """For each wish, the note of its claim if its claimer is the first, else whether it is something else."""
        first = await self(wishes)
        return [self._answer(wish, is_first=is_first) for wish, is_first in zip(wishes, first, strict=True)]

    def _answer(self, wish: EventClaim, *, is_first: bool) -> ClaimAnswer:
        key = (wish.account, wish.key)
        content = self.contents.setdefault(key, wish.content)
        if is_first:
            return self.notes.setdefault(key, wish.note)
        return Repeat.OTHER_CONTENT if content and wish.content and content != wish.content else None


class MemoryTimers:
    """Timers without a database, as the model of those with one."""

    def __init__(self) -> None:
        self.pending: dict[str, Timer] = {}
        self.first = MemoryClaims()

    async def set(self, timers: Sequence[Timer]) -> None:
        """Set them; those that are there already stay as they are."""
        for one in timers:
            self.pending.setdefault(one.id, one)

    async def ended_by(self, events: Sequence[tuple[str, Event]]) -> Sequence[EndedWait]:
        """The waits that events end."""
        found = []
        for timer in sorted(self.pending.values(), key=lambda one: (one.due, one.id)):
            own = timer.run.event
            ending = first_ending(timer.cancels, began(own), origin(own), coming(events))
            if ending is not None:
                wait = SetTimer(UUID(timer.id), timer.due, timer.key, timer.body, timer.keeps_event)
                found.append(EndedWait(wait, ending[1], ending[0]))
        return found

    async def delete(self, timers: Sequence[UUID]) -> None:
        """These are over."""
        for one in timers:
            self.pending.pop(one.hex, None)


def processor(
    flows: Sequence[CompiledFlow],
    claims: MemoryClaims | None = None,
    timers: MemoryTimers | None = None,
    on_batch: Callable[[], object] = lambda: None,
    **more: Any,
) -> tuple[BatchProcessor, Published]:
    """A processor whose world is memory, and what it publishes."""
    published = Published()
    made = BatchProcessor(
        FolderFlows(flows),
        (claims or MemoryClaims()).noted,
        published,
        timers or MemoryTimers(),
        on_batch=on_batch,
        **more,
    )
    return made, published
