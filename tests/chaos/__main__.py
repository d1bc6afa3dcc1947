"""Chaos on the real parts: seeds in a row, each a minute and a half of load and of many troubles at the same time.

    python -m tests.chaos [--seeds N] [--seed N] [--anew]

Each seed starts Kafka, PostgreSQL, two processes of each service, and destinations; kills, pauses, cuts, delays and
poisons them, deploys, adds partitions and workers; and judges at the destinations and in the topics, once all that is
over. A run that was broken off goes on from there: `.chaos/passed.json`. Exit 1 when a seed does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import shutil
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from tests.chaos.plan import whole
from tests.chaos.play import Verdict, play
from tests.support.passed_seeds import PassedSeeds

PASSED = PassedSeeds(Path(__file__).parents[2] / ".chaos" / "passed.json")
SEEDS = 20
SEED_SECONDS = 110.0


def main() -> int:
    """Play them."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many, from the first on, %(default)s by default")
    parser.add_argument("--first", type=int, default=1, help="the first, %(default)s by default")
    parser.add_argument("--seed", type=int, help="this one alone, whether it has passed before or not")
    parser.add_argument("--anew", action="store_true", help="also those that have passed on this commit")
    wanted = parser.parse_args()
    passed = {} if wanted.anew else PASSED.read()
    seeds = [wanted.seed] if wanted.seed is not None else list(range(wanted.first, wanted.first + wanted.seeds))
    pending = [seed for seed in seeds if wanted.seed is not None or str(seed) not in passed]
    print(
        f"{len(pending)} of {len(seeds)} seeds to play, about {len(pending) * SEED_SECONDS / 60:.0f} min. "
        "Broken off, it goes on from there the next time",
        flush=True,
    )
    failed = []
    for seed in pending:
        folder = Path(tempfile.mkdtemp(prefix=f"flows-chaos-{seed}-"))
        folder.chmod(0o755)  # PostgreSQL runs as somebody else where this is root
        try:
            verdict = _play(seed, folder)
        except KeyboardInterrupt:
            shutil.rmtree(folder, ignore_errors=True)
            print("broken off; the next run goes on from here", file=sys.stderr)
            return 130
        _tell(seed, folder, verdict)
        if verdict.faults:
            failed.append(seed)
        else:
            passed[str(seed)] = round(verdict.seconds, 1)
            PASSED.write(passed)
    told = f"; {', '.join(map(str, failed))} did not" if failed else ""
    print(f"{len(seeds) - len(failed)} of {len(seeds)} seeds hold{told}")
    return 1 if failed else 0


def _play(seed: int, folder: Path) -> Verdict:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that Kafka is away we know
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"  seed {seed} {time.monotonic() - begun:4.0f} s: {text}", flush=True)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(play(whole(seed), folder, say))


def _tell(seed: int, folder: Path, verdict: Verdict) -> None:
    print(f"seed {seed}: {'does not hold' if verdict.faults else 'holds'}, {verdict.seconds:.0f} s", flush=True)
    for line in verdict.notes:
        print(f"    {line}", flush=True)
    if not verdict.faults:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for line in verdict.faults:
        print(f"  ! {line}", flush=True)
    (folder / "verdict.txt").write_text("\n".join((*verdict.faults, *verdict.notes)))
    print(f"  logs: {folder}\n  again: python -m tests.chaos --seed {seed}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
