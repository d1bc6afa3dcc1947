"""Generated requests against a real gateway, also signed ones.

Each answer is held against the gateway's own OpenAPI document; prints the answers by operation and status.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from contracts.topics import EVENTS, HISTORY
from deploy.local import on_stderr
from deploy.local.kafka_and_postgres import parts
from services.runtime.database import migrate
from services.runtime.kafka import make_topics
from services.runtime.settings import RuntimeSettings, load
from tests.support import properties
from tests.support.fuzz import fuzz, server_errors, sources
from tests.support.ingest import running

COUNT = 20_000
EXAMPLES = 200


def main() -> None:
    """Run until so many requests are made; exit 1 with the request when one is answered wrongly."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fuzz", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=COUNT, help="requests at least, %(default)s by default")
    count = parser.parse_args().count
    properties.register()
    seen: Counter[str] = Counter()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as name, parts(Path(name), progress=on_stderr()) as found:
        own = {"KAFKA_BOOTSTRAP": found.kafka_bootstrap, "DATABASE_URL": found.database_url}
        asyncio.run(migrate(found.database_url))
        asyncio.run(make_topics(load(RuntimeSettings, own), [EVENTS, HISTORY]))
        with running(Path(name), **own, **sources(Path(name))) as ingest:
            ingest.until_ready()
            number = 0
            while seen.total() < count:
                number += 1
                seen += fuzz(ingest.url, EXAMPLES, number)
                print(f"{seen.total()} requests, {time.monotonic() - begun:.0f} s", file=sys.stderr)
    for answer, times in sorted(seen.items()):
        print(f"{times:7} {answer}")
    wrong = server_errors(seen)
    print(f"{seen.total()} requests, {len(wrong)} kinds of server errors, no answer that is not declared")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
