"""SIGKILL of workers under load: nothing accepted is missing at the destination, and each contact's order holds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.bench import load
from tests.support import actions, ingest, tools_process
from tests.support.closum import Closum, closum

EVENTS = 8_000
KILLS = 3
PATIENCE_SECONDS = 240.0
FLOW = (Path(__file__).parents[2] / "examples/whatsapp-to-crm.yaml").read_text()


async def test_every_accepted_event_reaches_the_crm_in_order_though_workers_are_killed(
    kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """8,000 events over HTTP; tools and actions are killed three times each while they work on them."""
    async with (
        tools_process.stack(kafka_bootstrap, database_url, topic_prefix, tmp_path, FLOW) as tools,
        actions.kafka(kafka_bootstrap, topic_prefix) as kafka,
    ):
        with (
            closum() as crm,
            actions.worker(kafka, tmp_path, crm.url, database_url) as worker,
            ingest.running(tmp_path, KAFKA_BOOTSTRAP=kafka_bootstrap, FLOWS_TOPIC_PREFIX=topic_prefix) as gateway,
        ):
            await asyncio.to_thread(gateway.until_ready)
            tools.start()
            worker.start()
            sending = asyncio.create_task(load.send(gateway.url + ingest.WHATSAPP, EVENTS, connections=16, first=0))
            for kill in range(KILLS):
                for process in (tools, worker):
                    # Always in the middle of work: some of it done, much of it waiting.
                    goal = crm.state("received") + EVENTS // (3 * KILLS)
                    await until(partial(received, crm, goal), f"work before kill {kill}", crm)
                    process.kill()
                    process.start()
            accepted = await sending
            assert accepted["statuses"] == {202: EVENTS}
            await until(partial(received, crm, EVENTS), "as many requests as events", crm)
            await until(lambda: distinct(crm) == EVENTS, "every accepted event's effect", crm)
            assert out_of_order(crm) == []


async def until(true: Callable[[], bool], what: str, crm: Closum) -> None:
    """Poll; fail with what did not come to be."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not await asyncio.to_thread(true):
        assert time.monotonic() < end, f"never came to be: {what}; the CRM got {crm.state('received')} requests"
        await asyncio.sleep(0.2)


def received(crm: Closum, goal: int) -> bool:
    """Whether so many requests came, repeated ones too."""
    return bool(crm.state("received") >= goal)


def distinct(crm: Closum) -> int:
    """How many different effects the CRM saw."""
    return len(crm.state("keys"))


def out_of_order(crm: Closum) -> list[tuple[str, int, int]]:
    """Contacts whose message was first delivered after a later one: (phone, the later number, the earlier)."""
    latest: dict[str, int] = {}
    wrong = []
    for effect in crm.state("effects"):
        phone, number = effect["subject"], int(effect["body"]["text"].split("número ")[1].split()[0])
        if latest.get(phone, -1) > number:
            wrong.append((phone, latest[phone], number))
        latest[phone] = max(number, latest.get(phone, -1))
    return wrong
