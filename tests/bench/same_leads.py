"""`python -m tests.bench.same_leads`: 8 writers send the same 5,000 leads; 5,000 leads are at the stand-in Closum.

Prints how many leads and effects there are, and how the runs ended. `--writers` and `--leads` make it smaller.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import uuid
from pathlib import Path

from deploy.local import KafkaServer, PostgresServer
from tests.support.same_leads import write


def main() -> None:
    """Start Kafka and PostgreSQL, write, print what was made, leave nothing."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.same_leads", description=__doc__)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--leads", type=int, default=5_000)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="flows-bench-"))
    kafka, postgres = KafkaServer(folder / "kafka"), PostgresServer(folder / "postgres")
    try:
        kafka.start()
        postgres.start()
        (folder / "run").mkdir()
        prefix = f"b{uuid.uuid4().hex[:8]}."
        work = write(kafka.bootstrap, postgres.url, prefix, folder / "run", writers=chosen.writers, leads=chosen.leads)
        made = asyncio.run(work)
    finally:
        kafka.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{chosen.writers} writers × {chosen.leads} leads in {made.seconds:.0f} s")
    print(f"{made.leads} leads, {made.effects} effects")
    for end, count in made.ends.most_common():
        print(f"  {count:6} {end}")


if __name__ == "__main__":
    main()
