"""A lead that failed can be sent again; one whose call may have had its effect cannot."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import asyncpg
import orjson

from contracts.dead_letters import DeadLetter
from contracts.events import Event
from contracts.topics import ACTIONS_DLQ, HISTORY
from tests.support import actions, same_leads
from tests.support.closum import closum
from tests.support.tools_process import read, send, stack

FLOW = same_leads.FLOW + "    retry: { attempts: 1 }\n    timeout: 1s\n"


def lead(account: str, number: int, email: str) -> Event:
    """A lead, sent for the so manieth time."""
    data = {"name": "Inês", "email": email, "consent_email": True, "consent_sms": False}
    return Event(
        id=f"{email} {number}",
        source=f"/hooks/{account}",
        type=same_leads.TRIGGER,
        subject=email,
        account=account,
        data=data,
    )


async def marked(url: str, run: str) -> None:
    """Return when the run is known to be dead."""
    connection = await asyncpg.connect(url)
    end = time.monotonic() + 60
    try:
        while not await connection.fetchval("select count(*) from dead_runs where run_id = $1", run):
            assert time.monotonic() < end, f"run {run!r} was never marked"
            await asyncio.sleep(0.05)
    finally:
        await connection.close()


async def test_a_lead_that_was_refused_can_be_sent_again_and_one_that_timed_out_cannot(
    kafka_bootstrap: str, database_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    async with (
        stack(kafka_bootstrap, database_url, topic_prefix, tmp_path, FLOW) as replica,
        actions.kafka(kafka_bootstrap, topic_prefix) as topics,
    ):
        with closum() as stand_in, actions.worker(topics, tmp_path, stand_in.url, database_url) as worker:
            replica.start()
            worker.start()

            async def ends(count: int) -> list[dict[str, str]]:
                found = await read(replica.settings, HISTORY, lambda found: len(found) >= count)
                return [orjson.loads(one.value) for one in found]

            stand_in.fault(path="/v2/lead/add/", kind="status", status=400, times=1)
            await send(replica.settings, [lead(topic_prefix, 1, "refused@example.pt")])
            (refused,) = await ends(1)
            await marked(database_url, refused["run_id"])
            stand_in.fault(path="/v2/lead/add/", kind="hang", times=1)
            await send(replica.settings, [lead(topic_prefix, 1, "slow@example.pt")])
            await ends(2)  # the hanging fault is used up
            # Letters are read in order: when the third is marked, that of the second was read.
            stand_in.fault(path="/v2/lead/add/", kind="status", status=400, times=1)
            await send(replica.settings, [lead(topic_prefix, 1, "third@example.pt")])
            await marked(database_url, (await ends(3))[2]["run_id"])
            again = ("refused@example.pt", "slow@example.pt")
            await send(replica.settings, [lead(topic_prefix, 2, email) for email in again])
            await ends(5)
            await send(replica.settings, [lead(topic_prefix, 3, email) for email in again])
            found = await ends(7)
            leads = [one["email"] for one in stand_in.state("leads")]
            dead = await read(replica.settings, ACTIONS_DLQ, lambda found: len(found) >= 3)
    told = {(one["event_id"], one["outcome"], one.get("code") or one.get("reason")) for one in found}
    assert told >= {
        ("refused@example.pt 1", "dead", "call_rejected"),
        ("refused@example.pt 2", "delivered", None),
        ("refused@example.pt 3", "filtered", "duplicate"),
        ("slow@example.pt 1", "dead", "call_timed_out"),
        ("slow@example.pt 2", "filtered", "duplicate"),
        ("slow@example.pt 3", "filtered", "duplicate"),
    }
    letters = [DeadLetter.from_headers(one.headers) for one in dead]
    assert {one.event_id: one.effect_possible for one in letters} == {
        "refused@example.pt 1": False,
        "slow@example.pt 1": True,
        "third@example.pt 1": False,
    }
    assert leads.count("refused@example.pt") == 1
