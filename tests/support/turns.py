"""Which tests run side by side: with several workers (`make test`) files share the machine, what measures has it alone.

Each worker has a Kafka and a PostgreSQL of its own from the first test that asks for one. A file stays with one worker.
The tests of chaos fill the machine, so they are one group, of which one at a time runs beside others. What is marked
`alone` is one group, at the end: its times are then those of a machine that does nothing else.
"""

from __future__ import annotations

import os

import pytest

ALONE, CHAOS = "alone", "tests/chaos"
LONG = (CHAOS, "tests/e2e", "tests/integration", "tests/property")
"""They begin, in this order, so that workers end at about the same time."""


def arrange(items: list[pytest.Item], *, worker: bool = "PYTEST_XDIST_WORKER" in os.environ) -> None:
    """Order the tests of a run, and group them when this is one of its workers."""
    items.sort(key=_turn)
    for item in items if worker else ():
        # As --dist=loadgroup reads it. xdist 3.8 would write the marks of groups itself, where pytest 9.2 no longer
        # looks for a test's id: each test would be a group, also of those that are to be alone.
        item._id = type(item._id).parse(f"{item.nodeid}@{_group(item)}")


def of_no_group(test: str) -> str:
    """A test's id without the group that a worker gave it."""
    for group in (ALONE, CHAOS, test.partition("::")[0]):
        test = test.removesuffix(f"@{group}")
    return test


def _group(item: pytest.Item) -> str:
    if _alone(item):
        return ALONE
    return CHAOS if item.nodeid.startswith(CHAOS) else item.nodeid.partition("::")[0]


def _turn(item: pytest.Item) -> tuple[bool, int]:
    long = (number for number, folder in enumerate(LONG) if item.nodeid.startswith(folder))
    return _alone(item), next(long, len(LONG))


def _alone(item: pytest.Item) -> bool:
    return item.get_closest_marker(ALONE) is not None
