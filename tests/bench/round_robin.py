"""`python -m tests.bench.round_robin`: 5 agents with weights, 3 workers, 20 SIGKILLs while 20,000 leads come."""

from __future__ import annotations

import argparse
import asyncio

from tests.support.rotating import ROUND, WEIGHTS, rotate
from tests.support.servers import servers

EVENTS = 20_000
KILLS = 20


def main() -> None:
    """Start Kafka and PostgreSQL, rotate, print the shares, leave nothing."""
    argparse.ArgumentParser(prog="python -m tests.bench.round_robin", description=__doc__).parse_args()
    with servers() as parts:
        work = rotate(
            parts.kafka.bootstrap, parts.postgres.url, parts.prefix(), parts.folder, events=EVENTS, kills=KILLS
        )
        shares = asyncio.run(work)
    print(f"{shares.runs} runs, {shares.kills} SIGKILLs, {shares.seconds:.0f} s, {shares.turns} turns taken")
    print(f"{shares.requests - shares.runs} requests were made twice, {shares.changed} of them for another agent")
    for name, weight in WEIGHTS.items():
        print(f"  {name}  got {shares.got[name]:6}  exact share {shares.runs * weight / ROUND:9.1f}")
    print(f"largest difference {shares.off:.1f} turns; a round is {ROUND}")


if __name__ == "__main__":
    main()
