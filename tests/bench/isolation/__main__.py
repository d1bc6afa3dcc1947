"""What somebody else's trouble costs a healthy contact: webhook to call, on the real stack, beside a calm run.

    python -m tests.bench.isolation [--seed N] [--only CASE]… [--healthy N] [--rate N] [--progress FILE] [--docs FILE]

Load comes by the clock at 30 % of what this machine can carry, which a burst finds first. Each ill stands between
two calm runs: while it lasts, the p99 of healthy contacts is to be within two times of theirs (floor 50 ms). When a
part was away (process, Kafka, PostgreSQL, network), each lane that waited moves again within 10 s of its return, 5 s
for a killed member. What was measured is kept in `--progress`, case by case: the same command goes on where it was
ended. Once all cases are, `--docs` has their table instead of the one that it had. Exit 1 when a line is broken.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from services.cli.terminal import CommandError
from tests.bench.isolation.cases import CASES, CONNECTIONS, FAULTS, HEALTHY, MESSAGE, REFUSING, Case, Fault, flows_of
from tests.bench.isolation.cases import Load as IllLoad
from tests.bench.isolation.ground import ROOT, Ground, ground
from tests.bench.isolation.load import Job
from tests.bench.isolation.verdict import BROKEN, Row, compared, moved_again, table, with_table

PART = 0.3
BURST = 3_000
AHEAD_SECONDS = 0.5
PATIENCE_SECONDS = 40.0
STRUCK_AFTER_SECONDS = 3.0
STRUCK_SECONDS = 20.0
QUIET_SECONDS = 15.0
START_SECONDS = 45.0
USUAL_RATE = 250.0
DEPLOYED_SECONDS = 1.5


@dataclass
class Bench:
    """What is measured on one ground."""

    on: Ground
    seed: int
    rate: float
    _next: int = 1
    _calm: dict[str, list[float]] = field(default_factory=dict)
    """The last calm run of each kind of healthy load."""

    def calibrate(self) -> None:
        """30 % of what a burst makes a second, unless the rate is given."""
        rate = self.rate
        self.rate = 2_000.0
        self._run(MESSAGE, "messages", BURST // 3)
        begun = time.monotonic()
        job, came = self._run(MESSAGE, "messages", BURST)
        carried = BURST / (max(one or math.inf for one in came) - begun)
        self.rate = rate or PART * carried
        print(f"a burst of {BURST:,}: {carried:,.0f} flows/s; load: {self.rate:,.0f} a second", flush=True)
        del job

    def case(self, case: Case, healthy: int) -> Row:
        """Calm, ill, calm."""
        before = self._calm.pop(case.source, None) or self._calm_run(case, healthy // 2)
        self.on.rules(*case.rules)
        if case.flows:
            self._deploy(*case.flows)
        with case.beside(self.on):
            job, came = self._run(case.body, case.source, healthy, case.loads)
        ill = _took(job, came)
        self.on.rules()
        if case.flows:
            self._deploy()
        self._quiet()
        after = self._calm[case.source] = self._calm_run(case, healthy // 2)
        return compared(case.name, [*before, *after], ill)

    def fault(self, fault: Fault) -> Row:
        """A part is away, and comes back."""
        struck = [math.inf]

        def strike() -> None:
            time.sleep(STRUCK_AFTER_SECONDS)
            struck[0] = fault.strike(self.on)

        job, came = self._run(MESSAGE, "messages", int(self.rate * STRUCK_SECONDS), meanwhile=strike)
        lanes = [job.contact(job.first + place) for place in range(job.count)]
        waited = moved_again(job.due(), came, lanes, struck[0])
        took = _took(job, came)
        lost = sum(map(math.isinf, took))
        worst, nothing = max(waited.values(), default=0.0), (math.nan, math.nan)
        ended = self.on.revive()
        note = f"{len(waited):,} lanes waited" + "".join(f", {name} ended by itself" for name in ended)
        self._quiet()
        return Row(fault.name, job.count, (math.nan, math.nan), nothing, worst, fault.within, lost, note)

    def _calm_run(self, case: Case, healthy: int) -> list[float]:
        job, came = self._run(case.body, case.source, healthy)
        return _took(job, came)

    def _deploy(self, *more: str) -> None:
        self.on.deploy(flows_of(*more))
        time.sleep(DEPLOYED_SECONDS)

    def _run(
        self, body: str, source: str, count: int, beside: Sequence[IllLoad] = (), meanwhile: object = None
    ) -> tuple[Job, list[float | None]]:
        """A load, and others beside it; when the calls came, once all did or patience is over."""
        begin, seconds = time.monotonic() + AHEAD_SECONDS, count / self.rate
        until = begin + seconds + PATIENCE_SECONDS
        job = Job(self.on.hook(source), body, self._next, count, self.rate, begin, until, self.seed)
        self._next += count
        jobs = [job]
        for one in beside:
            amount = int(one.rate * seconds)
            url, ends = self.on.hook(one.source), begin + seconds + 1
            more = Job(url, one.body, self._next, amount, one.rate, begin, ends, self.seed, one.contacts, one.again)
            jobs.append(more)
            self._next += amount
        with ExitStack() as around:
            loads = [around.enter_context(_load(one)) for one in jobs]
            if callable(meanwhile):
                meanwhile()
            for load in loads:
                if load.wait(seconds + 2 * PATIENCE_SECONDS) != 0:
                    raise CommandError("a load ended with an error")
        end = time.monotonic() + PATIENCE_SECONDS
        while None in (came := self.on.seen(job.first, job.first + count)) and time.monotonic() < end:
            time.sleep(0.1)
        if not callable(meanwhile):
            self.on.check()
        return job, came

    def _quiet(self) -> None:
        """Wait until what the ill one left is done, if that does not take long."""
        end = time.monotonic() + QUIET_SECONDS
        while time.monotonic() < end:
            try:
                if not any(self.on.metric(name) for name in ("flows_lanes_open", "flows_parked")):
                    return
            except OSError:
                pass
            time.sleep(0.2)


def _load(job: Job) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.bench.isolation.load"]
    load = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=ROOT)
    assert load.stdin is not None
    load.stdin.write(job.text().encode())
    load.stdin.close()
    return load


def _took(job: Job, came: Sequence[float | None]) -> list[float]:
    """What each call took from when its request was due; infinite: it did not come."""
    due = job.due()
    return [math.inf if one is None else one - moment for moment, one in zip(due, came, strict=True)]


def main() -> int:
    """Run the cases that are not done yet; print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.isolation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", default=[], help="cases whose name holds this; may be given again")
    parser.add_argument("--healthy", type=int, default=5_000, help="healthy calls beside each ill (default 5000)")
    parser.add_argument("--rate", type=float, default=0.0, help="healthy calls a second; default: 30 %% of a burst's")
    parser.add_argument("--progress", type=Path, help="file of what was measured (default isolation-SEED.json)")
    parser.add_argument("--docs", type=Path, help="Markdown whose table of cases is written anew, once it is whole")
    parser.add_argument("--logs", type=Path, help="folder that gets the services' logs of broken lines")
    parser.add_argument("--list", action="store_true", help="name the cases and end")
    wanted = parser.parse_args()
    every: tuple[Case | Fault, ...] = (*CASES, *FAULTS)
    chosen = [one for one in every if not wanted.only or any(part in one.name for part in wanted.only)]
    if not chosen:
        parser.error(f"no case has {' or '.join(map(repr, wanted.only))} in its name: --list shows them")
    if wanted.list:
        print("\n".join(one.name for one in chosen))
        return 0
    out = wanted.progress or Path(f"isolation-{wanted.seed}.json")
    rows = _kept(out)
    left = [one for one in chosen if one.name not in rows]
    first = sorted(left, key=lambda one: isinstance(one, Case))  # faults on a fresh ground
    grounds = [[one for one in first if proxied == _proxied(one)] for proxied in (False, True)]
    seconds = sum(START_SECONDS for here in grounds if here)
    seconds += sum(_seconds(one, wanted.healthy, wanted.rate or USUAL_RATE) for one in left)
    print(f"{len(left)} of {len(chosen)} cases to measure: about {seconds / 60:.0f} minutes", flush=True)
    try:
        for proxied, here in zip((False, True), grounds, strict=True):
            if here:
                _measure(here, wanted, rows, out, proxied=proxied)
    except CommandError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"stopped; what was measured is in {out}, the same command goes on", file=sys.stderr)
        return 130
    found = [rows[one.name] for one in chosen if one.name in rows]
    print(table(found))
    if wanted.docs and len(found) == len(every):
        wanted.docs.write_text(with_table(wanted.docs.read_text(), table(found)))
    return 1 if any(row.verdict == BROKEN for row in found) else 0


def _measure(
    cases: Sequence[Case | Fault], wanted: argparse.Namespace, rows: dict[str, Row], out: Path, *, proxied: bool
) -> None:
    with ground(HEALTHY, CONNECTIONS, REFUSING, proxied=proxied) as on:
        bench = Bench(on, wanted.seed, wanted.rate)
        bench.calibrate()
        for one in cases:
            row = bench.case(one, wanted.healthy) if isinstance(one, Case) else bench.fault(one)
            if row.verdict == BROKEN and wanted.logs:
                shutil.copytree(on.folder / "logs", wanted.logs / str(cases.index(one)), dirs_exist_ok=True)
            rows[one.name] = row
            _keep(out, rows)
            print(table([row]).splitlines()[-1], flush=True)


def _proxied(case: Case | Fault) -> bool:
    return isinstance(case, Fault) and case.proxied


def _seconds(case: Case | Fault, healthy: int, rate: float) -> float:
    """About how long one takes."""
    return STRUCK_SECONDS + 5 if isinstance(case, Fault) else 1.5 * healthy / rate + 8


def _kept(out: Path) -> dict[str, Row]:
    if not out.exists():
        return {}
    return {one["case"]: _row(one) for one in json.loads(out.read_text())["rows"]}


def _row(one: Mapping[str, object]) -> Row:
    known = {name: value for name, value in one.items() if name != "verdict"}
    return Row(**{name: tuple(value) if isinstance(value, list) else value for name, value in known.items()})  # type: ignore[arg-type]


def _keep(out: Path, rows: Mapping[str, Row]) -> None:
    told = [asdict(row) | {"verdict": row.verdict} for row in rows.values()]
    written = out.with_suffix(".new")
    written.write_text(json.dumps({"rows": told}, indent=1))
    written.replace(out)


if __name__ == "__main__":
    sys.exit(main())
