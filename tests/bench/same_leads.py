"""`python -m tests.bench.same_leads`: 8 writers send the same 5,000 leads; 5,000 leads are at the stand-in Closum."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import uuid
from pathlib import Path

from deploy.local import KafkaServer, PostgresServer
from tests.support.same_leads import write

WRITERS = 8
LEADS = 5_000


def main() -> None:
    """Start Kafka and PostgreSQL, write, print what was made, leave nothing."""
    folder = Path(tempfile.mkdtemp(prefix="flows-bench-"))
    kafka, postgres = KafkaServer(folder / "kafka"), PostgresServer(folder / "postgres")
    try:
        kafka.start()
        postgres.start()
        (folder / "run").mkdir()
        prefix = f"b{uuid.uuid4().hex[:8]}."
        work = write(kafka.bootstrap, postgres.url, prefix, folder / "run", writers=WRITERS, leads=LEADS)
        made = asyncio.run(work)
    finally:
        kafka.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{WRITERS} writers × {LEADS} leads in {made.seconds:.0f} s: {made.leads} leads, {made.effects} effects")
    for end, count in made.ends.most_common():
        print(f"  {count:6} {end}")


if __name__ == "__main__":
    main()
