"""`python -m tests.bench.round_robin`: 5 agents with weights, 3 workers, 20 SIGKILLs while 20,000 leads come.

Prints what each got and its exact share. `--leads` and `--kills` make it smaller.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import uuid
from pathlib import Path

from deploy.local import KafkaServer, PostgresServer
from tests.support.rotating import ROUND, WEIGHTS, rotate


def main() -> None:
    """Start Kafka and PostgreSQL, rotate, print the shares, leave nothing."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.round_robin", description=__doc__)
    parser.add_argument("--leads", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=20)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="flows-bench-"))
    kafka, postgres = KafkaServer(folder / "kafka"), PostgresServer(folder / "postgres")
    try:
        kafka.start()
        postgres.start()
        (folder / "run").mkdir()
        prefix = f"b{uuid.uuid4().hex[:8]}."
        work = rotate(kafka.bootstrap, postgres.url, prefix, folder / "run", events=chosen.leads, kills=chosen.kills)
        shares = asyncio.run(work)
    finally:
        kafka.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{shares.runs} runs, {shares.kills} SIGKILLs, {shares.seconds:.0f} s, {shares.turns} turns taken")
    print(f"{shares.requests - shares.runs} requests were made twice, {shares.changed} of them for another agent")
    for name, weight in WEIGHTS.items():
        print(f"  {name}  got {shares.got[name]:6}  exact share {shares.runs * weight / ROUND:9.1f}")
    print(f"largest difference {shares.off:.1f} turns; a round is {ROUND}")


if __name__ == "__main__":
    main()
