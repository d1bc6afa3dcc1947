"""Random flows in `flows test` and on the real parts, seed by seed.

    python -m tests.parity [--seeds N] [--seed N] [--anew]

Kafka and PostgreSQL are started once, the services for each seed. A run that was broken off goes on from there:
`.parity/passed.json`. Exit 1 when a flow does not do the same in both.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import uvloop

from deploy.local import KafkaServer, PostgresServer
from services.runtime import database
from tests.parity.compare import Compared, compare
from tests.parity.scenario import scenario
from tests.support.passed_seeds import PassedSeeds

PASSED = PassedSeeds(Path(__file__).parents[2] / ".parity" / "passed.json")
SEEDS, FLOWS, EVENTS = 20, 100, 5
SEED_SECONDS = 60.0


def main() -> int:
    """Play them."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.parity", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many, from 1 on, %(default)s by default")
    parser.add_argument("--seed", type=int, help="this one alone, whether it has passed before or not")
    parser.add_argument("--anew", action="store_true", help="also those that have passed on this commit")
    wanted = parser.parse_args()
    passed = {} if wanted.anew else PASSED.read()
    seeds = list(range(1, wanted.seeds + 1)) if wanted.seed is None else [wanted.seed]
    pending = [seed for seed in seeds if wanted.seed is not None or str(seed) not in passed]
    minutes = len(pending) * SEED_SECONDS / 60
    print(f"{len(pending)} of {len(seeds)} seeds to play, {FLOWS} flows each, about {minutes:.0f} min", flush=True)
    failed = []
    folder = Path(tempfile.mkdtemp(prefix="flows-parity-"))
    folder.chmod(0o755)  # PostgreSQL runs as somebody else where this is root
    try:
        with KafkaServer(folder / "kafka") as kafka, PostgresServer(folder / "postgres") as postgres:
            for seed in pending:
                began = time.monotonic()
                compared = _played(seed, folder / str(seed), kafka.bootstrap, postgres.url)
                seconds = time.monotonic() - began
                print(f"seed {seed}: {compared}, {len(compared.wrong)} differ, {seconds:.0f} s", flush=True)
                if compared.wrong:
                    failed.append(seed)
                    print("\n\n".join((*compared.wrong, f"again: python -m tests.parity --seed {seed}")), flush=True)
                else:
                    passed[str(seed)] = round(seconds, 1)
                    PASSED.write(passed)
    except KeyboardInterrupt:
        print("broken off; the next run goes on from here", file=sys.stderr)
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{len(seeds) - len(failed)} of {len(seeds)} seeds do the same in both")
    return 1 if failed else 0


def _played(seed: int, folder: Path, bootstrap: str, url: str) -> Compared:
    folder.mkdir()
    made = scenario(seed, folder, flows=FLOWS, events_each=EVENTS)

    async def play() -> Compared:
        own = urlsplit(url)._replace(path=f"/parity{seed}").geturl()
        connection = await asyncpg.connect(url)
        await connection.execute(f"create database parity{seed}")
        await connection.close()
        await database.migrate(own)
        return await compare(made, bootstrap, own, f"parity{seed}.")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(play())


if __name__ == "__main__":
    sys.exit(main())
