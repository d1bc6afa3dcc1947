"""`python -m tests.bench.same_leads`: 8 writers send the same 5,000 leads; 5,000 leads are at the stand-in Closum."""

from __future__ import annotations

import argparse
import asyncio

from tests.support.same_leads import write
from tests.support.servers import servers

WRITERS = 8
LEADS = 5_000


def main() -> None:
    """Start Kafka and PostgreSQL, write, print what was made, leave nothing."""
    argparse.ArgumentParser(prog="python -m tests.bench.same_leads", description=__doc__).parse_args()
    with servers() as parts:
        work = write(
            parts.kafka.bootstrap, parts.postgres.url, parts.prefix(), parts.folder, writers=WRITERS, leads=LEADS
        )
        made = asyncio.run(work)
    print(f"{WRITERS} writers × {LEADS} leads in {made.seconds:.0f} s: {made.leads} leads, {made.effects} effects")
    for end, count in made.ends.most_common():
        print(f"  {count:6} {end}")


if __name__ == "__main__":
    main()
