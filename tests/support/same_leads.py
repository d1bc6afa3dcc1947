"""Several writers send the same leads at the same time; what Closum is asked to make of them."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import orjson

from contracts.events import Event
from contracts.topics import HISTORY
from tests.support import actions
from tests.support.closum import Closum, closum
from tests.support.tools_process import ToolsProcess, free_port, read, send, stack

PATIENCE_SECONDS = 600.0
TRIGGER = "webhook.form"
"""Of another system: what Closum tells of a lead that we made is no new one."""
FLOW = f"""
flow: leads
description: Each lead once, whoever sends it.
on: {TRIGGER}
steps:
  - id: email
    tool: email.normalize
    with: {{ email: "${{ trigger.email }}" }}
  - if: ${{ !email.valid }}
    then:
      - stop: no address
  - id: once
    tool: deduplicate
    with: {{ key: "${{ email.email }}", within: 30d }}
  - id: lead
    action: closum.lead.add
    connection: closum
    with:
      name: ${{ trigger.name }}
      email: ${{ email.email }}
      consent_email: ${{ trigger.consent_email }}
      consent_sms: ${{ trigger.consent_sms }}
"""


@dataclass(frozen=True, slots=True)
class Made:
    """Leads at Closum, the calls that made or changed one, how runs ended, and how long it took."""

    leads: int
    effects: int
    ends: Counter[str]
    seconds: float


def spelled(lead: int, writer: int) -> str:
    """A lead's e-mail address, as this writer writes it."""
    return (f"Lead.{lead}@Example.pt", f" lead.{lead}@EXAMPLE.pt ", f"LEAD.{lead}@example.PT")[writer % 3]


def events(prefix: str, writer: int, leads: int) -> list[Event]:
    """All leads from one writer, in its own order and under its own subjects, so that they meet in no partition."""
    made = [
        Event(
            id=f"{writer}-{lead}",
            source=f"/hooks/{prefix}/{writer}",
            type=TRIGGER,
            subject=f"{writer}-{lead}",
            account=prefix,
            data={"name": f"Lead {lead}", "email": spelled(lead, writer), "consent_email": True, "consent_sms": False},
        )
        for lead in range(leads)
    ]
    random.Random(writer).shuffle(made)  # noqa: S311 - an order, no secret
    return made


async def write(bootstrap: str, url: str, prefix: str, folder: Path, *, writers: int, leads: int) -> Made:
    """Two workers of tools, one of actions, the stand-in Closum; returns when every event has its end."""
    began = time.monotonic()
    async with (
        stack(bootstrap, url, prefix, folder, FLOW, partitions=6) as first,
        actions.kafka(bootstrap, prefix) as kafka,
    ):
        changes = {"instance_id": "tools-1", "health_port": free_port()}
        second = ToolsProcess(first.settings.model_copy(update=changes), folder)
        with closum() as stand_in, actions.worker(kafka, folder, stand_in.url, url) as worker:
            try:
                for process in (first, second, worker):
                    process.start()
                await asyncio.gather(
                    *(send(first.settings, events(prefix, writer, leads)) for writer in range(writers))
                )
                history = await read(
                    first.settings, HISTORY, lambda found: len(found) >= writers * leads, PATIENCE_SECONDS
                )
            finally:
                second.kill()
            return _made(stand_in, [orjson.loads(one.value) for one in history], time.monotonic() - began)


def _made(stand_in: Closum, history: list[dict[str, str]], seconds: float) -> Made:
    ends = {end["run_id"]: f"{end['outcome']} {end.get('reason', '')}".strip() for end in history}
    return Made(len(stand_in.state("leads")), len(stand_in.state("effects")), Counter(ends.values()), seconds)
