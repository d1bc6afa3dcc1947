"""Change lines of our code, one at a time, and see whether a test fails.

mutmut makes the mutants and runs the tests that call the changed function; pyproject.toml says of which files, and with
which tests. This picks a sample, or all of one file, says beforehand what it may cost, goes on where a run was broken
off, and prints who lived, with the reason where one is known (unobservable.toml beside this). Exit 1 when too many did.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from deploy.local import embedded_kafka
from tests.mutants.sample import GROUPS, most_seconds, of_file, of_group, sampled, survivors, timed_out, verdicts
from tests.mutants.unobservable import reason, unobservable

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "mutants"
MUTMUT = ROOT / ".mutants-venv" / "bin" / "mutmut"
FIRST = "services.flows.advance.x_advance__mutmut_1"
"""mutmut makes its mutants, and learns which test calls what, only on the way to run one."""
SAMPLE = 300
LEAST_PERCENT = 90.0
TELL_SECONDS = 30.0


def main() -> None:
    """Try the sample. 0: enough were noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=SAMPLE, help="how many mutants a group, %(default)s by default")
    parser.add_argument("--group", choices=GROUPS, help="only this one")
    parser.add_argument("--seed", type=int, default=1, help="which ones: the same seed, the same mutants")
    parser.add_argument("--file", type=Path, help="all mutants of this file, as it stands in pyproject.toml")
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1, help="processes, %(default)s by default")
    parser.add_argument("--anew", action="store_true", help="also those that a test has noticed already")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flows-mutants-") as folder, embedded_kafka(Path(folder)) as kafka:
        environ = {**os.environ, "KAFKA_BOOTSTRAP": kafka.bootstrap, "CI": "true"}
        _mutmut([FIRST], 1, environ)
        tried = verdicts(FOLDER)
        if arguments.file:
            samples, which = {str(arguments.file): of_file(tried, arguments.file)}, str(arguments.file)
        else:
            groups = [arguments.group] if arguments.group else list(GROUPS)
            samples = {one: sampled(of_group(tried, one), arguments.sample, arguments.seed) for one in groups}
            which = f"{', '.join(groups)}, seed {arguments.seed}"
        chosen = [name for sample in samples.values() for name in sample]
        if not chosen:
            parser.error(f"{which}: no mutants. pyproject.toml lists the files that are changed")
        lived = survivors(tried, chosen)  # a new test may notice them
        pending = [name for name in chosen if arguments.anew or tried[name] is None or name in lived]
        minutes = most_seconds(FOLDER, pending, arguments.at_once) / 60
        told = f"{len(chosen)} of {len(tried)} mutants, {which}: {len(pending)} to try"
        print(f"{told}, {minutes:.0f} min at most. Broken off, it goes on from there the next time", flush=True)
        if pending:
            _mutmut(pending, arguments.at_once, environ)
        if slow := timed_out(verdicts(FOLDER), chosen):
            print(f"{len(slow)} came to no end: each is tried again alone", flush=True)
            _mutmut(slow, 1, environ)
    enough = [_report(which, sample) for which, sample in samples.items()]
    sys.exit(not all(enough))


def _mutmut(names: list[str], at_once: int, environ: dict[str, str]) -> None:
    """Let mutmut try these. Ends with its output when it cannot: its tests fail without any change, for one."""
    begun = time.monotonic()
    log = FOLDER.with_suffix(".log")
    command = [str(MUTMUT), "run", "--max-children", str(at_once), *names]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=output, stderr=output)
    try:
        while True:
            try:
                code = process.wait(TELL_SECONDS)
                break
            except subprocess.TimeoutExpired:
                found = verdicts(FOLDER)
                left = sum(found.get(name) is None for name in names)
                print(f"{time.monotonic() - begun:5.0f} s, {left} left", file=sys.stderr)
    except KeyboardInterrupt:
        process.wait()
        sys.exit("broken off; the next run goes on from here")
    if code:
        sys.exit(log.read_text(errors="replace")[-10_000:])


def _report(which: str, chosen: list[str]) -> bool:
    """Tell who lived; whether few enough did."""
    found = verdicts(FOLDER)
    lived = survivors(found, chosen)
    known = unobservable()
    reasons = 0
    for name in lived:
        shown = subprocess.run([MUTMUT, "show", name], cwd=ROOT, capture_output=True, text=True, check=False).stdout
        changed = [line for line in shown.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
        why = reason(known, name, changed)
        reasons += why is not None
        print(
            "\n".join(
                (name, *(f"    {line}" for line in changed), f"    {why or 'no reason is known: a test is missing'}")
            )
        )
    killed = 100 * (1 - len(lived) / len(chosen))
    print(
        f"{which}: {len(chosen) - len(lived)} of {len(chosen)} mutants were noticed: {killed:.1f} %, at least"
        f" {LEAST_PERCENT} %. Of those that lived, {reasons} have a reason; of those that were noticed,"
        f" {len(timed_out(found, chosen))} came to no end"
    )
    return killed >= LEAST_PERCENT


if __name__ == "__main__":
    main()
