"""Which mutants are tried, what they cost, and what became of them: read from the files that mutmut keeps.

mutmut writes for each source file `mutants/….meta` (the exit code of its tests by mutant, null: not tried), and
`mutants/mutmut-stats.json` (which tests call which function, and how long each takes).
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

LIVED = frozenset({0, 5, 33})
"""All tests passed; or none calls the function. Whatever else ended them has noticed the change."""
TIMED_OUT = frozenset({-24, 24, 152, -9, 36, 255})
"""They took too long, by the clock or in seconds of CPU (SIGXCPU, SIGKILL): they loop, or others held the machine."""
INTERRUPTED = 2
WRITING_SECONDS = 20.0
MARK = "__mutmut_"
GROUPS: Mapping[str, str] = {"actions": "services.actions.", "flows": ""}
"""By how their names begin; the first that fits. Each has its own sample, so none hides behind the other."""
START_SECONDS = 0.5
"""A fork, and pytest's start in it. Measured on two cores: half a second each while others worked there."""


def verdicts(folder: Path) -> dict[str, int | None]:
    """Each mutant's exit code, None while it was not tried."""
    found: dict[str, int | None] = {}
    for file in sorted(folder.rglob("*.py.meta")):
        found |= _written(file)["exit_code_by_key"]
    return {name: None if code == INTERRUPTED else code for name, code in found.items()}


def _written(file: Path) -> Any:
    """What stands in one. mutmut writes it in place: one that is half written is read again."""
    until = time.monotonic() + WRITING_SECONDS
    while True:
        try:
            return json.loads(file.read_text())
        except ValueError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def sampled(names: Iterable[str], size: int, seed: int) -> list[str]:
    """The same mutants for the same seed and the same code; all of them where there are fewer."""
    ordered = sorted(names)
    return sorted(random.Random(seed).sample(ordered, min(size, len(ordered))))  # noqa: S311 - repeatable, not secret


def of_group(names: Iterable[str], group: str) -> list[str]:
    """All mutants of a group."""
    return [name for name in names if next(one for one, start in GROUPS.items() if name.startswith(start)) == group]


def of_file(names: Iterable[str], file: Path) -> list[str]:
    """All mutants of a source file, given from the root of the repository."""
    module = ".".join(file.with_suffix("").parts).removesuffix(".__init__")
    return sorted(name for name in names if name.rpartition(".")[0] == module)


def most_seconds(folder: Path, names: Collection[str], at_once: int) -> float:
    """What trying them takes if all live: a test that fails ends a mutant sooner."""
    stats = json.loads((folder / "mutmut-stats.json").read_text())
    tests: Mapping[str, list[str]] = stats["tests_by_mangled_function_name"]
    durations: Mapping[str, float] = stats["duration_by_test"]
    each = (sum(durations[test] for test in tests.get(name.rpartition(MARK)[0], ())) for name in names)
    return sum(START_SECONDS + seconds for seconds in each) / at_once


def survivors(verdicts: Mapping[str, int | None], names: Iterable[str]) -> list[str]:
    """Those that no test noticed."""
    return [name for name in names if verdicts[name] in LIVED]


def timed_out(verdicts: Mapping[str, int | None], names: Iterable[str]) -> list[str]:
    """Those whose tests came to no end. Noticed only if they come to none either when nothing else is tried."""
    return [name for name in names if verdicts[name] in TIMED_OUT]
