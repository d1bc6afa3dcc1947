"""Many seeds, on all cores: says how long it may take, shows how far it is, and goes on where it was broken off."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.simulate.judge import judge
from tests.simulate.scenario import scenario
from tests.simulate.story import play

ROOT = Path(__file__).parents[2]
CODE = ("contracts", "services", "tests/simulate", "tests/support/world")
USUAL_SECONDS = 0.35
"""Of CPU, a seed: measured on this machine's like."""
TELL_SECONDS = 15.0
SAVE_SECONDS = 5.0
SEEDS_A_PROCESS = 500  # then a new one: what the dead leave behind stays in memory


class Result(NamedTuple):
    """Of one seed."""

    seed: int
    cpu_seconds: float
    faults: list[str]
    hash: str


def fix_hashes() -> None:
    """Begin anew if need be, so that what iterates over a set of texts does so in the same order each time."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, "PYTHONHASHSEED": "0"})  # noqa: S606 - ourselves


def one(seed: int) -> Result:
    """Play and judge it. What breaks the simulation itself is a fault too."""
    began = time.process_time()
    try:
        seen = play(scenario(seed))
        faults, trace = [str(fault) for fault in judge(seen)], seen.hash
    except Exception as error:  # noqa: BLE001 - told with its seed
        faults, trace = [f"broke: {type(error).__name__}: {error}"], ""
    return Result(seed, time.process_time() - began, faults, trace)


def run(seeds: Sequence[int], at_once: int, progress: Path, *, anew: bool) -> int:
    """All of them. 0: nothing was found; 1: something was; 130: it was broken off."""
    for end in (signal.SIGINT, signal.SIGTERM):  # also where a shell has it ignored, as for what runs behind
        signal.signal(end, signal.default_int_handler)
    code = _code()
    done = {} if anew else _done(progress, code)
    left = [seed for seed in seeds if seed not in done]
    cpu = sum(one.cpu_seconds for one in done.values()) / len(done) if done else USUAL_SECONDS
    minutes = len(left) * cpu / max(1, at_once) / 60
    print(f"{len(seeds)} seeds, {len(left)} to play, {at_once} at once: about {minutes:.0f} min", flush=True)
    for result in done.values():
        if result.seed in seeds:
            _tell(result)
    broken_off = False
    began = told = saved = time.monotonic()
    pool = multiprocessing.get_context("spawn").Pool(at_once, _worker, maxtasksperchild=SEEDS_A_PROCESS)
    try:
        for number, result in enumerate(pool.imap_unordered(one, left), 1):
            done[result.seed] = result
            _tell(result)
            now = time.monotonic()
            if now - saved > SAVE_SECONDS:
                _save(progress, code, done)
                saved = now
            if now - told > TELL_SECONDS:
                rest = (now - began) / number * (len(left) - number) / 60
                print(f"{now - began:5.0f} s: {number} of {len(left)}, {rest:.0f} min left", flush=True)
                told = now
        pool.close()
    except KeyboardInterrupt:
        broken_off = True
    finally:
        pool.terminate()
        pool.join()
        _save(progress, code, done)
    return _report(seeds, done, time.monotonic() - began, broken_off=broken_off)


def _worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started them


def _tell(result: Result) -> None:
    if result.faults:
        print(f"seed {result.seed}: python -m tests.simulate --seed {result.seed} --trace", flush=True)
        for fault in result.faults[:3]:
            print(f"    {fault}", flush=True)


def _report(seeds: Sequence[int], done: dict[int, Result], seconds: float, *, broken_off: bool) -> int:
    mine = [done[seed] for seed in seeds if seed in done]
    failed = [one.seed for one in mine if one.faults]
    cpu = sum(one.cpu_seconds for one in mine)
    print(
        f"{len(mine)} of {len(seeds)} seeds in {seconds:.0f} s; {cpu / max(1, len(mine)):.2f} s of CPU each;"
        f" {len(failed)} with faults{': ' + ', '.join(map(str, failed[:50])) if failed else ''}"
    )
    if broken_off:
        print("broken off; the next run goes on from here")
        return 130
    return 1 if failed else 0


def _code() -> str:
    """What the results are of: the text of all that takes part."""
    text = hashlib.blake2b(digest_size=8)
    for folder in CODE:
        for path in sorted((ROOT / folder).rglob("*.py")):
            text.update(path.read_bytes())
    return text.hexdigest()


def _done(progress: Path, code: str) -> dict[int, Result]:
    if not progress.exists():
        return {}
    kept = json.loads(progress.read_text())
    if kept["code"] != code:
        print(f"{progress}: of other code, so all is played anew", flush=True)
        return {}
    return {one[0]: Result(*one) for one in kept["done"]}


def _save(progress: Path, code: str, done: dict[int, Result]) -> None:
    new = progress.with_suffix(".new")
    new.write_text(json.dumps({"code": code, "done": sorted(done.values())}))
    os.replace(new, progress)  # noqa: PTH105 - in one step
