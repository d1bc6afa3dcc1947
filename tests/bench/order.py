"""A tenth of the contacts fail for a while: in each lane strict order, and the others are as fast as without that.

    python -m tests.bench.order [--subjects N] [--each N] [--rate N] [--rounds N]

Requests come at a fixed rate, below what the worker can do: so latency is no queue. It is counted from when a request
was due until the destination got it, in runs without and with failures, in turn. Exit 1 when order does not hold, or
when the healthy contacts' p99 with failures is over 1.5 times that without.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from tests.support.actions import kafka, worker
from tests.support.lane_order import failing, in_order, requests, subject
from tests.support.paced import percentile, put
from tests.support.recorder import Recorder, recorder
from tests.support.servers import Servers, servers

BOUND = 1.5
# They are ill for this part of the run: some of their waits are parked, and there is time to catch up.
ILL_PART = 0.6
PATIENCE_SECONDS = 180.0


@dataclass
class Run:
    """What one run showed: the healthy contacts' seconds, and how many answers were failures."""

    healthy: list[float] = field(default_factory=list)
    failures: int = 0
    wrong: str = ""


async def run(parts: Servers, subjects: int, each: int, rate: float, *, first: int, ill: bool) -> Run:
    """One run, on topics of its own. `first`: the number of its first request."""
    told = Run()
    warming = requests(subjects, 1, first)
    measured = first + len(warming)
    asked = requests(subjects, each, measured)
    done: set[int] = set()
    ill_until = float("inf") if ill else 0.0

    def answer(body: dict[str, Any]) -> tuple[int, float | None]:
        status_and_wait = failing(body) if time.monotonic() < ill_until and body["n"] >= measured else (201, None)
        if status_and_wait[0] == 201:
            done.add(body["n"])
        else:
            told.failures += 1
        return status_and_wait

    async def until_done(amount: int) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while len(done) < amount:
            if time.monotonic() > end:
                raise SystemExit(f"only {len(done)} of {amount} requests were done")
            await asyncio.sleep(0.05)

    destination = Recorder(answer=answer)
    async with kafka(parts.kafka.bootstrap, parts.prefix(), partitions=12) as topics:
        with (
            recorder(destination),
            worker(topics, parts.folder, destination.url, parts.postgres.url, FLOWS_PARK_SECONDS="1") as one,
        ):
            one.start()
            await one.says("partitions.assigned")
            await topics.put(warming)
            await until_done(len(warming))
            warm = len(destination.seen)
            if ill:
                ill_until = time.monotonic() + len(asked) / rate * ILL_PART
            moments = await put(topics, asked, rate)
            await until_done(warm + len(asked))
            one.stop()
    due = {measured + number: moment for number, moment in enumerate(moments)}
    seen = destination.seen[warm:]
    told.healthy = [moment - due[body["n"]] for moment, body in seen if not body["phone"].endswith("0")]
    try:
        counted = in_order(seen, ill_until)
    except AssertionError as error:
        told.wrong = str(error)
    else:
        if counted != {subject(number): each for number in range(subjects)}:
            told.wrong = "not each request of each contact was done once"
    return told


def measure(parts: Servers, wanted: argparse.Namespace) -> int:
    """Print what was seen; the exit code."""
    amount = wanted.subjects * wanted.each
    print(f"{wanted.subjects:,} contacts × {wanted.each} requests at {wanted.rate:,.0f} a second, a tenth of them ill")
    found: dict[bool, list[Run]] = {False: [], True: []}
    for number in range(wanted.rounds * 2):
        ill = number % 2 == 1
        first = number * (amount + wanted.subjects)
        one = asyncio.run(run(parts, wanted.subjects, wanted.each, wanted.rate, first=first, ill=ill))
        found[ill].append(one)
        name = "with failures" if ill else "without"
        p50, p99 = percentile(one.healthy, 50), percentile(one.healthy, 99)
        print(
            f"{name:14} healthy p50 {p50 * 1000:7.1f} ms  p99 {p99 * 1000:7.1f} ms  calls that failed {one.failures:,}",
            flush=True,
        )
    wrong = [one.wrong for runs in found.values() for one in runs if one.wrong]
    before, after = (
        percentile([seconds for one in found[ill] for seconds in one.healthy], 99) for ill in (False, True)
    )
    print(f"order: {'; '.join(wrong) or 'strict in every lane'}")
    print(f"healthy p99 with failures is {after / before:.2f} times that without; at most {BOUND}")
    return 1 if wrong or after > BOUND * before else 0


def main() -> int:
    """Read the command line, start servers, measure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.order", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--subjects", type=int, default=1_000, help="contacts; each tenth is ill (default 1000)")
    parser.add_argument("--each", type=int, default=20, help="requests of each (default 20)")
    parser.add_argument("--rate", type=float, default=400.0, help="requests a second (default 400)")
    parser.add_argument("--rounds", type=int, default=2, help="pairs of runs (default 2)")
    wanted = parser.parse_args()
    with servers() as parts:
        return measure(parts, wanted)


if __name__ == "__main__":
    sys.exit(main())
