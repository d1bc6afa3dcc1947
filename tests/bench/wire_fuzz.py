"""Valid requests on their way through a bad network, at length: tests/support/wire_fuzz.py says what has to hold.

Raw sockets to the real server; prints what was played. A failure names its seed: `--seed N --rounds 1` plays it again.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import time
from collections import Counter

import structlog

from tests.support.raw_requests import gateway
from tests.support.wire_fuzz import play

ROUNDS = 200
CONNECTIONS = 50


async def rounds(first: int, count: int) -> Counter[str]:
    """Play so many, each under a seed of its own."""
    seen: Counter[str] = Counter()
    async with gateway() as served:
        for seed in range(first, first + count):
            seen += await play(served, seed, CONNECTIONS)
    return seen


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.wire_fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of {CONNECTIONS} connections (%(default)s)")
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))  # refusals are the point
    begun = time.monotonic()
    seen = asyncio.run(rounds(chosen.seed, chosen.rounds))
    print(f"{chosen.rounds * CONNECTIONS} connections, {time.monotonic() - begun:.0f} s, no event that differs:")
    for what, times in sorted(seen.items()):
        print(f"{times:8} {what}")


if __name__ == "__main__":
    main()
