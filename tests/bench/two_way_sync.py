"""`python -m tests.bench.two_way_sync`: example 3 between the stand-in Closum and the stand-in CRM, until both agree.

Both tell of every write, ours included, with delays by chance, so that webhooks overtake each other, and some come
twice. 2,000 contacts and 10,000 edits on both sides by default; `--contacts`, `--edits`, and `--off`: then it loops.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import shutil
import time
import uuid
from collections import Counter, defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson

from contracts.topics import HISTORY
from services.cli.topic_records import read
from services.runtime.settings import RuntimeSettings
from tests.support import ingest
from tests.support.actions import kafka, worker
from tests.support.closum import Closum, closum
from tests.support.servers import servers
from tests.support.tools_process import stack

EXAMPLE = Path(__file__).parents[2] / "examples" / "two-way-sync"
TOKENS = {"HOOK_TOKEN_CLOSUM": "closum-0123456789abcdef", "HOOK_TOKEN_CRM": "crm-0123456789abcdef00"}
QUIET_SECONDS = 2.0
FIRST_SECONDS = 15.0
"""So long until the first write, on a machine that has other things to do."""
AT_ONCE = 16
FIELDS = ("name", "email")


@dataclass(frozen=True, slots=True)
class Found:
    """What came of it."""

    contacts: int
    edits: int
    agree: int
    right: int
    undisputed: int
    writes: int
    settled_seconds: float
    ends: Counter[str]
    faults: list[str]


class Edits:
    """Two systems, edited by people at random."""

    def __init__(self, stand_in: Closum, client: httpx.AsyncClient, contacts: int, seed: int) -> None:
        self._stand_in = stand_in
        self._client = client
        self._chance = random.Random(seed)  # noqa: S311 - a test's edits
        self._count = contacts
        self._numbers = itertools.count()
        self.leads: dict[str, str] = {}
        self.last: dict[tuple[str, str], tuple[str, str]] = {}  # (phone, field) → (side, value)
        self.sides: dict[tuple[str, str], list[str]] = {}

    async def seed(self) -> None:
        """The same contacts on both sides."""
        for number in range(self._count):
            phone = f"+3519{number:08d}"
            fields = {"name": f"Contact {number}", "email": f"c{number}@example.com"}
            consents = {"consent_email": True, "consent_sms": True}
            answer = await self._v2("lead/add/", {**fields, "mobile_number": phone[1:], **consents})
            lead = self.leads[phone] = answer["responseData"][0]["lead_id"]
            await self._crm({"phone": phone, "closum_id": lead, **fields})

    async def edit(self, count: int) -> None:
        """So many edits more, of any contact and field, on either side. No two set the same value."""
        wanted = asyncio.Semaphore(AT_ONCE)
        turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

        async def one() -> None:
            async with wanted:
                number = next(self._numbers)
                phone = self._chance.choice(list(self.leads))
                field, side = self._chance.choice(FIELDS), self._chance.choice(("closum", "crm"))
                value = f"Name {number}" if field == "name" else f"e{number}@example.com"
                async with turns[phone]:  # of two at once nobody knows which was the last
                    if side == "crm":
                        await self._crm({"phone": phone, field: value})
                    else:
                        await self._v2("lead/update/", {"lead_id": self.leads[phone], field: value})
                    self.last[phone, field] = (side, value)
                self.sides.setdefault((phone, field), []).append(side)

        await asyncio.gather(*(one() for _ in range(count)))

    async def _v2(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self._client.post(f"{self._stand_in.v2}{path}?api-key=people", json=body)
        found: dict[str, Any] = answer.raise_for_status().json()
        assert found["status"], found
        return found

    async def _crm(self, body: dict[str, Any]) -> None:
        answer = await self._client.post(
            f"{self._stand_in.crm}/contacts", json=body, headers={"Authorization": "Bearer people"}
        )
        answer.raise_for_status()


async def sync(
    bootstrap: str,
    url: str,
    folder: Path,
    *,
    contacts: int,
    edits: int,
    on: bool = True,
    delay_seconds: float = 0.5,
    most_seconds: float = 600.0,
    most_writes: int | None = None,
    seed: int = 7,
) -> Found:
    """Run example 3 over real services, until no write comes any more; or until `most_writes` of ours came: a loop."""
    prefix = f"s{uuid.uuid4().hex[:8]}."
    flows = [(EXAMPLE / f"{name}.yaml").read_text() for name in ("closum-to-crm", "crm-to-closum")]
    sources = folder / "gateway"
    sources.mkdir()
    shutil.copy(EXAMPLE / "sources.yaml", sources / "sources.yaml")
    settings = {"KAFKA_BOOTSTRAP": bootstrap, "DATABASE_URL": url, "FLOWS_TOPIC_PREFIX": prefix}
    async with AsyncExitStack() as around:
        replica = await around.enter_async_context(stack(bootstrap, url, prefix, folder, *flows))
        topics = await around.enter_async_context(kafka(bootstrap, prefix))
        stand_in = around.enter_context(closum())
        client = await around.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=30))
        acting = around.enter_context(worker(topics, folder, stand_in.url, url))
        replica.more = {"FLOWS_ECHO_SUPPRESSION": str(on).lower()}
        replica.start()
        acting.start()
        gateway = around.enter_context(ingest.running(sources, **settings, **TOKENS))
        await replica.ready()
        await acting.says("service.started")
        await asyncio.to_thread(gateway.until_ready)
        people = Edits(stand_in, client, contacts, seed)
        await people.seed()
        for system in ("closum", "crm"):
            token = TOKENS[f"HOOK_TOKEN_{system.upper()}"]
            hook = f"{gateway.url}/v1/hooks/{system}/{token}"
            subscription = {"system": system, "url": hook, "delay_seconds": delay_seconds, "twice": 0.05, "seed": seed}
            (await client.post(f"{stand_in.url}/_webhooks", json=subscription)).raise_for_status()
        before = len(stand_in.state("effects"))
        await people.edit(edits)
        ended = time.monotonic()
        most = before + edits + most_writes if most_writes is not None else None
        settled = await _settled(stand_in, client, ended, most_seconds, most)
        writes = len(stand_in.state("effects")) - before - edits
        await client.delete(f"{stand_in.url}/_webhooks")
        found = _judge(stand_in, people)
        ends = await _ends(replica.settings)
    return Found(contacts, edits, *found[:3], writes, settled, ends, found[3])


async def _settled(
    stand_in: Closum, client: httpx.AsyncClient, ended: float, most_seconds: float, most: int | None
) -> float:
    """How long after the last edit the last write came."""
    count, last, came = -1, ended, False
    while time.monotonic() - ended < most_seconds:
        now = await asyncio.to_thread(stand_in.state, "received")
        on_the_way = (await client.get(f"{stand_in.url}/_webhooks")).json()["on_the_way"]
        if now != count or on_the_way:
            last = time.monotonic() if now != count else last
            count, came = now, came or count >= 0
            if most is not None and count > most:
                break
        elif time.monotonic() - last > (QUIET_SECONDS if came else FIRST_SECONDS):
            break
        await asyncio.sleep(0.1)
    return last - ended


def _judge(stand_in: Closum, people: Edits) -> tuple[int, int, int, list[str]]:
    """How many contacts agree; how many fields that one side only edited have their last edit; what is wrong."""
    leads = {lead["lead_id"]: lead for lead in stand_in.state("leads")}
    contacts = {contact["phone"]: contact for contact in stand_in.state("contacts")}
    faults, agree, right, undisputed = [], 0, 0, 0
    for phone, lead in people.leads.items():
        here, there = leads[lead], contacts[phone]
        if all(here[field] == there[field] for field in FIELDS):
            agree += 1
        else:
            faults.append(f"{phone}: Closum {[here[f] for f in FIELDS]}, CRM {[there[f] for f in FIELDS]}")
    for (phone, field), (side, value) in people.last.items():
        if len(set(people.sides[phone, field])) > 1:
            continue
        undisputed += 1
        if contacts[phone][field] == value == leads[people.leads[phone]][field]:
            right += 1
        else:
            faults.append(f"{phone}.{field}: {side} wrote {value!r}")
    return agree, right, undisputed, faults


async def _ends(settings: RuntimeSettings) -> Counter[str]:
    return Counter([orjson.loads(one.value or b"{}")["outcome"] async for one in read(settings, HISTORY)])


def main() -> None:
    """Start the servers, sync, tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=2000)
    parser.add_argument("--edits", type=int, default=10_000)
    parser.add_argument("--off", action="store_true")
    given = parser.parse_args()
    with servers() as parts:
        found = asyncio.run(
            sync(
                parts.kafka.bootstrap,
                parts.postgres.url,
                parts.folder,
                contacts=given.contacts,
                edits=given.edits,
                on=not given.off,
                most_seconds=30 if given.off else 600,
            )
        )
    print(f"{found.contacts:,} contacts, {found.edits:,} edits: our writes {found.writes:,}")
    print(f"the last write came {found.settled_seconds:.1f} s after the last edit")
    print(f"both sides agree on {found.agree:,} contacts; {found.right:,} of {found.undisputed:,} undisputed are right")
    print(f"ends: {dict(found.ends)}")
    print("\n".join(found.faults[:20]))


if __name__ == "__main__":
    main()
