"""`flows test`: play the cases that stand beside flows."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from services.cli.command import WRITE, declare
from services.cli.terminal import CommandError

if TYPE_CHECKING:
    from services.project.testing.trial import Trial

ALL = 100.0
PAUSE_SECONDS = 0.5
WATCHED = frozenset({".yaml", ".yml", ".csv", ".json"})
command = declare("test", WRITE)


@command.default
def play_cases(
    paths: Annotated[list[Path] | None, Parameter(name="PATH", consume_multiple=True)] = None,
    *,
    record: Annotated[bool, Parameter(negative="")] = False,
    rewrite: Annotated[bool, Parameter(negative="")] = False,
    min_coverage: float | None = None,
    watch: Annotated[bool, Parameter(negative="")] = False,
    vars_: Annotated[Path | None, Parameter(name="--vars")] = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Test flows: play the cases of `*.test.yaml` beside them, without Kafka, PostgreSQL or a network.

    Time is virtual: a wait of three days takes none. Exit code 1 when something is not as expected.

    Parameters
    ----------
    paths:
        Flow files (with the test file beside each), test files, or folders of both. Default: the flows of the project
        (flows.yaml, else flows/).
    record:
        Write what happened into cases that have no `expect`. A flow without a test file gets its first one.
    rewrite:
        Write what happened into cases whose `expect` is not true any more, too. Read the difference before you keep it.
    min_coverage:
        Percent of steps and branches that the cases of each flow must take, such as 100.
    watch:
        Play them again whenever a file beside them changes, until Ctrl-C.
    vars_:
        A file with the values of `vars` of flows.yaml; `vars` of a case go before it.
    as_json:
        Print a JSON array, an object a flow.
    """
    from services.project.root import flow_paths  # noqa: PLC0415

    paths = flow_paths(paths)
    play = partial(_play, paths, vars_, record=record, rewrite=rewrite, min_coverage=min_coverage, as_json=as_json)
    if not watch:
        return play()
    with suppress(KeyboardInterrupt):
        for _ in changes(paths):
            try:
                play()
            except CommandError as error:
                print(error)
            print("\nwaiting for a change …", flush=True)
    return 0


def changes(paths: Sequence[Path], *, pause: Callable[[float], object] = sleep) -> Iterator[None]:
    """Now, and whenever a file of these paths, or one beside them, has changed."""
    before = None
    while True:
        if (now := _written(paths)) != before:
            before = now
            yield
            before = _written(paths)  # what was recorded is no change
        pause(PAUSE_SECONDS)


def _written(paths: Sequence[Path]) -> dict[Path, int]:
    """The files that tests depend on, each with when it was written."""
    found: dict[Path, int] = {}
    for path in paths:
        folder = path if path.is_dir() else path.parent
        for file in folder.rglob("*") if path.is_dir() else folder.iterdir():
            if file.suffix in WATCHED:
                with suppress(OSError):
                    found[file] = file.stat().st_mtime_ns
    return found


def _play(
    paths: list[Path], vars_file: Path | None, *, record: bool, rewrite: bool, min_coverage: float | None, as_json: bool
) -> int:
    from services.flows.check import check  # noqa: PLC0415
    from services.project.catalogue import catalogue  # noqa: PLC0415 - heavy, and only needed here
    from services.project.testing import suite_files  # noqa: PLC0415
    from services.project.testing.trial import trial  # noqa: PLC0415

    known = catalogue(paths)
    tested, faults = suite_files.find(paths, vars_file)
    faults = sorted([*faults, *check([each.source for each in tested], known, None)])
    # A broken case, or a broken flow, leaves the others.
    broken = {fault.file for fault in faults}
    tested = [each for each in tested if broken.isdisjoint(suite_files.flow_files(each))]
    if faults and not tested:
        raise CommandError("nothing was tested, as there are mistakes.\n" + "\n".join(map(str, faults)))
    if faults:
        print("what is broken was not tested.\n" + "\n".join(map(str, faults)), file=sys.stderr)
    record = record or rewrite
    # A test file that is there and broken is left as it is.
    if record and (new := [each for each in tested if not each.suites and not suite_files.has_tests(each.source)]):
        for each in new:
            print(f"made {suite_files.begin(each.source)}")
        found, _ = suite_files.find(paths, vars_file)
        tested = [each for each in found if broken.isdisjoint(suite_files.flow_files(each))]
    trials = [trial(each, known, record=record, rewrite=rewrite) for each in tested]
    if as_json:
        print(json.dumps([fields(each) for each in trials], ensure_ascii=False, indent=2))
    else:
        _tell(trials)
    failed = any(result.differences for each in trials for result in each.results)
    little = [each for each in trials if min_coverage is not None and each.coverage.percent < min_coverage]
    if little and not as_json:
        print(f"\nBelow {min_coverage:g} % of steps and branches: {', '.join(each.source.name for each in little)}")
    return 1 if failed or little or faults else 0


def _tell(trials: list[Trial]) -> None:
    for each in trials:
        steps, branches = each.coverage.count(ways=False), each.coverage.count(ways=True)
        passed = sum(not result.differences for result in each.results)
        cases = f"{passed} of {len(each.results)} cases pass" if each.results else "no cases"
        first = "" if each.results else f". A first one: flows test {each.source.file} --record"
        counted = f"steps {steps[0]}/{steps[1]}, branches {branches[0]}/{branches[1]}"
        print(f"{each.source.name}: {cases}; {counted} ({each.coverage.percent:.0f} %){first}")
        for result in each.results:
            if result.recorded:
                print(f"  recorded: {result.name}")
            if result.differences:
                print(f"  {result.file}:{result.line}: FAILED: {result.name}")
                print("\n".join(f"      {line}" for line in result.differences))
        if each.results and each.coverage.missing:
            print("  no case takes:")
            print("\n".join(f"      {each.source.file} {part}" for part in each.coverage.missing))
    results = [result for each in trials for result in each.results]
    failed = sum(bool(result.differences) for result in results)
    print(f"\n{len(results)} cases of {len(trials)} flows, {failed} failed.")


def fields(each: Trial) -> dict[str, Any]:
    """A flow's results for programs."""
    return {
        "flow": each.source.name,
        "file": each.source.file,
        "coverage": round(each.coverage.percent, 1),
        "missing": [str(part) for part in each.coverage.missing],
        "cases": [
            {
                "file": result.file,
                "line": result.line,
                "name": result.name,
                "passed": not result.differences,
                "recorded": result.recorded,
                "differences": list(result.differences),
            }
            for result in each.results
        ],
    }
