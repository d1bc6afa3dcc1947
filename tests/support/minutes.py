"""Where a run's time goes: at its end, the minutes of each folder of tests and the slowest tests."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from heapq import nlargest
from pathlib import PurePosixPath

import pytest

from tests.support.turns import of_no_group

LONG_RUN_SECONDS = 60.0
"""A shorter run says nothing: whoever runs one file wants its result."""
LONG_FOLDER_SECONDS = 30.0
SLOWEST = 20


class Minutes:
    """A pytest plugin. A fixture's time counts for the test that was the first to ask for it."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test's setup, call or teardown."""
        self.seconds[of_no_group(report.nodeid)] += report.duration

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say it, before pytest's own closing line."""
        if sum(self.seconds.values()) >= LONG_RUN_SECONDS:
            terminalreporter.section("where the time went")
            for line in lines(self.seconds):
                terminalreporter.write_line(line)


def lines(seconds: Mapping[str, float]) -> Iterator[str]:
    """What is said, from seconds by test id: each folder in `tests`, long folders inside, the slowest tests."""
    folders: defaultdict[PurePosixPath, float] = defaultdict(float)
    tests: Counter[PurePosixPath] = Counter()
    for test, spent in seconds.items():
        for folder in PurePosixPath(test.partition("::")[0]).parents[:-2]:  # without `tests` and `.`
            folders[folder] += spent
            tests[folder] += 1
    for folder, spent in sorted(folders.items()):
        if len(folder.parts) == 2 or spent >= LONG_FOLDER_SECONDS:
            yield f"{spent / 60:7.1f} min  {tests[folder]:5} tests  {folder}"
    slowest = nlargest(SLOWEST, seconds, key=seconds.__getitem__)
    yield f"the slowest {SLOWEST}, {sum(seconds[test] for test in slowest) / 60:.1f} min together:"
    for test in slowest:
        yield f"{seconds[test]:7.1f} s    {test}"
