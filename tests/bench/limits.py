"""What limits promise, as the destination sees it: a shared rate, a storm of 429, and a lead beside a campaign.

    python -m tests.bench.limits [--part NAME]… [--seconds N] [--campaign N]

`rate`: 50 requests a second over 3 workers and 4 flows: in no second more than 55 come, and in a minute 45 a second do.
`storm`: while all are answered with 429, few try; when it is over, the worker is as fast as before.
`campaign`: 100,000 requests of one flow, at a destination without limits and at one with 100 a second; meanwhile
another flow's single requests are each there within 2 seconds. Exit 1 when one of these does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from itertools import count

from contracts.actions import ActionRequest
from contracts.topics import ACTIONS
from tests.bench.__main__ import counted, destination
from tests.support.actions import Kafka, kafka
from tests.support.limited import most_in_a_second, of_flow, until, workers
from tests.support.recorder import Recorder, recorder
from tests.support.servers import Servers, servers

RATE, MOST, LEAST = 50, 55, 45
STORM_SECONDS, STORM_RATE = 10.0, 300.0
CAMPAIGN_RATE = 100
# No two parts may ask for the same effect: it would be answered from the journal.
RATE_FIRST, STORM_FIRST = 100_000_000, 200_000_000
LEAD_EVERY_SECONDS = 0.25
LEAD_WITHIN_SECONDS = 2.0
LIMITED_SECONDS = 60.0


async def rate(parts: Servers, wanted: argparse.Namespace) -> bool:
    """Whether the rate is held, and used."""
    amount = RATE * wanted.seconds
    async with kafka(parts.kafka.bootstrap, parts.prefix(), partitions=12) as topics:
        with recorder() as there, ExitStack() as around:
            limits = f"{{ requests_per_second: {RATE} }}"
            started = workers(around, topics, parts.folder, there.url, parts.postgres.url, count=3, limits=limits)
            for one in started:
                await one.says("partitions.assigned")
            await topics.put(
                [of_flow(RATE_FIRST + number, f"flow-{number % 4}") for number in range(amount + 2 * RATE)]
            )
            await until(lambda: len(there.seen) >= amount, wanted.seconds * 3)
            seen = there.seen[:amount]
    most, used = most_in_a_second(seen), (amount - 1) / (seen[-1][0] - seen[0][0])
    print(f"rate      {RATE} a second over 3 workers and 4 flows, {amount:,} requests")
    print(f"          most in any second {most} (at most {MOST}), over the whole {used:.1f}/s (at least {LEAST})")
    return most <= MOST and used >= LEAST


async def storm(parts: Servers, _: argparse.Namespace) -> bool:
    """Whether a destination that says 429 is left alone, and taken up again."""
    stormy, calm = float("inf"), float("inf")
    there = Recorder(answer=lambda _: (429, 1.0) if stormy < time.monotonic() < calm else (201, None))
    async with kafka(parts.kafka.bootstrap, parts.prefix()) as topics:
        with recorder(there), ExitStack() as around:
            (one,) = workers(around, topics, parts.folder, there.url, parts.postgres.url, count=1)
            await one.says("partitions.assigned")
            feeding = asyncio.create_task(_feed(topics, STORM_RATE))
            await asyncio.sleep(5)
            stormy = time.monotonic()
            calm = stormy + STORM_SECONDS
            await asyncio.sleep(STORM_SECONDS + 15)
            feeding.cancel()
            end = time.monotonic()
    before = sum(stormy - 3 < moment < stormy for moment, _ in there.seen) / 3
    during = sum(stormy + 2 < moment < calm for moment, _ in there.seen) / (STORM_SECONDS - 2)
    after = sum(end - 3 < moment < end for moment, _ in there.seen) / 3
    print(f"storm     429 for {STORM_SECONDS:.0f} s: {before:.0f}/s before, {during:.0f}/s in it, {after:.0f}/s after")
    return during < before / 4 and after > before * 0.9


async def campaign(parts: Servers, wanted: argparse.Namespace) -> bool:
    """Whether single requests pass a campaign at either destination."""
    amount = wanted.campaign
    free = await _beside(parts, range(amount), "no limit", "{}")
    name, limits = f"{CAMPAIGN_RATE} a second", f"{{ requests_per_second: {CAMPAIGN_RATE} }}"
    limited = await _beside(parts, range(amount, 2 * amount), name, limits)
    return free and limited


async def _beside(parts: Servers, numbers: range, name: str, limits: str) -> bool:
    amount = len(numbers)
    packed = [(one.key, one.to_bytes()) for one in (of_flow(number, "campaign") for number in numbers)]
    async with kafka(parts.kafka.bootstrap, parts.prefix()) as topics:
        with destination() as port, ExitStack() as around:
            url = f"http://127.0.0.1:{port}"
            (one,) = workers(around, topics, parts.folder, url, parts.postgres.url, count=1, limits=limits)
            await one.says("partitions.assigned")
            begun = time.monotonic()
            sending = asyncio.create_task(_send(topics, packed))
            leads: list[tuple[float, ActionRequest]] = []
            while (await asyncio.to_thread(counted, port))["effects"] < amount + len(leads):
                if time.monotonic() - begun > LIMITED_SECONDS:
                    break
                lead = of_flow(10 * numbers.stop + len(leads), "lead")
                leads.append((time.monotonic(), lead))
                await topics.put([lead])
                await asyncio.sleep(LEAD_EVERY_SECONDS)
            await sending
            await asyncio.sleep(LEAD_WITHIN_SECONDS)
            took = [await _seconds(port, put, lead) for put, lead in leads]
            done = (await asyncio.to_thread(counted, port))["effects"] - len(leads)
            seconds = time.monotonic() - begun
    print(f"campaign  {amount:,} requests, {name}: {done:,} done in {seconds:.0f} s")
    print(f"          {len(took)} single requests beside it, the slowest in {max(took):.2f} s")
    return max(took) <= LEAD_WITHIN_SECONDS


async def _send(topics: Kafka, packed: list[tuple[bytes, bytes]]) -> None:
    for begin in range(0, len(packed), 1_000):
        sent = [await topics.producer.send(ACTIONS, key, value) for key, value in packed[begin : begin + 1_000]]
        await asyncio.gather(*sent)


async def _seconds(port: int, put: float, lead: ActionRequest) -> float:
    """Until it came; infinite: it has not come yet."""
    moment = await asyncio.to_thread(_at, port, lead.effect_id)
    return float("inf") if moment is None else moment - put


def _at(port: int, effect_id: str) -> float | None:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/at/{effect_id}", timeout=5) as answer:
        moment: float | None = json.load(answer)
    return moment


async def _feed(topics: Kafka, a_second: float) -> None:
    begun = time.monotonic()
    for number in count():
        if (wait := begun + number / a_second - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        one = of_flow(STORM_FIRST + number, "flow")
        await topics.producer.send(ACTIONS, one.key, one.to_bytes())


PARTS: dict[str, Callable[[Servers, argparse.Namespace], Awaitable[bool]]] = {
    "rate": rate,
    "storm": storm,
    "campaign": campaign,
}


async def measure(parts: Servers, wanted: argparse.Namespace) -> int:
    """The exit code."""
    broken = [name for name in wanted.part or PARTS if not await PARTS[name](parts, wanted)]
    if broken:
        print(f"does not hold: {', '.join(broken)}")
    return 1 if broken else 0


def main() -> int:
    """Read the command line, start servers, measure."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.limits", description=__doc__.split("\n", maxsplit=1)[0]
    )
    parser.add_argument("--part", action="append", choices=list(PARTS), help="only this; may be given again")
    parser.add_argument("--seconds", type=int, default=60, help="how long the rate is measured (default 60)")
    parser.add_argument("--campaign", type=int, default=100_000, help="requests of the campaign (default 100000)")
    wanted = parser.parse_args()
    with servers() as parts:
        return asyncio.run(measure(parts, wanted))


if __name__ == "__main__":
    sys.exit(main())
