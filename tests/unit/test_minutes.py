"""Where a run's time went, as it is told."""

from __future__ import annotations

import pytest

from tests.support.minutes import SLOWEST, Minutes, lines


def test_folders_and_the_slowest_tests() -> None:
    """Each folder in `tests`, inner ones that are long, and the slowest tests with their sum."""
    spent = {
        "tests/unit/cli/test_a.py::test_one": 1.0,
        "tests/unit/test_b.py::test_two[a/b::c]": 2.0,
        "tests/integration/kafka/test_c.py::test_three": 57.0,
    }
    assert list(lines(spent)) == [
        "    0.9 min      1 tests  tests/integration",
        "    0.9 min      1 tests  tests/integration/kafka",
        "    0.1 min      2 tests  tests/unit",
        f"the slowest {SLOWEST}, 1.0 min together:",
        "   57.0 s    tests/integration/kafka/test_c.py::test_three",
        "    2.0 s    tests/unit/test_b.py::test_two[a/b::c]",
        "    1.0 s    tests/unit/cli/test_a.py::test_one",
    ]


def test_a_run_of_this_suite_counts(request: pytest.FixtureRequest) -> None:
    """The plugin is there."""
    assert any(isinstance(plugin, Minutes) for plugin in request.config.pluginmanager.get_plugins())


@pytest.mark.parametrize("group", ["tests/a.py", "tests/chaos", "alone"])
def test_the_group_of_a_worker_is_no_part_of_a_tests_name(group: str) -> None:
    """With several workers pytest adds it."""
    minutes = Minutes()
    report = pytest.TestReport(f"tests/a.py::test_b[c@d]@{group}", ("", 0, ""), {}, "passed", None, "call", duration=2)
    minutes.pytest_runtest_logreport(report)
    assert list(lines(minutes.seconds))[-1] == "    2.0 s    tests/a.py::test_b[c@d]"
