"""Plays scenarios, and judges them.

`--seed N` plays one; with `--trace` it is told line by line. Without it `--count` of them are played, on all cores.
Broken off, it goes on from there the next time, as long as the code is the same.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tests.simulate import batch
from tests.simulate.judge import judge
from tests.simulate.scenario import scenario
from tests.simulate.story import play

COUNT = 10_000
PROGRESS = Path(".simulate.json")


def main() -> int:
    """0: nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulate", description=__doc__)
    parser.add_argument("--seed", type=int, help="play this one")
    parser.add_argument("--trace", action="store_true", help="tell what happens, line by line")
    parser.add_argument("--count", type=int, default=COUNT, help="so many seeds, %(default)s by default")
    parser.add_argument("--first", type=int, default=0, help="from this one on")
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1, help="processes, %(default)s by default")
    parser.add_argument("--progress", type=Path, default=PROGRESS, help="what was done so far, %(default)s by default")
    parser.add_argument("--anew", action="store_true", help="also what was done so far")
    arguments = parser.parse_args()
    if arguments.seed is None:
        seeds = range(arguments.first, arguments.first + arguments.count)
        return batch.run(seeds, arguments.at_once, arguments.progress, anew=arguments.anew)
    return one(arguments.seed, trace=arguments.trace)


def one(seed: int, *, trace: bool) -> int:
    """Play a seed. 0: nothing was found."""
    made = scenario(seed)
    seen = play(made)
    if trace:
        honours = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in made.honours.items())
        print(f"{made.workers} workers, {made.partitions} partitions; keys are known to {honours or 'nobody'}")
        print(", ".join(f"{name}={value}" for name, value in made.settings.items()))
        print("\n".join(seen.trace))
    faults = judge(seen)
    for fault in faults:
        print(fault)
    print(f"seed {seed}: {len(made.puts)} requests, {len(seen.asked)} calls, trace {seen.hash}, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    batch.fix_hashes()
    sys.exit(main())
