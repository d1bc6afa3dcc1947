"""Which tests run side by side: with two workers (`make test`) files share the machine, what measures has it alone.

Each worker has a Kafka and a PostgreSQL of its own from the first test that asks for one. A file stays with one worker.
What is marked `alone` is one group, at the end: its times are then those of a machine that does nothing else.
"""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

LONG = ("tests/e2e", "tests/integration", "tests/property")
"""They begin, so that both workers end at about the same time."""


def arrange(items: list[pytest.Item]) -> None:
    """Order the tests of a run and group them for its workers. Without workers it is an order only."""
    items.sort(key=_turn)
    for item in items:
        item.add_marker(pytest.mark.xdist_group("alone" if _alone(item) else item.nodeid.partition("::")[0]))


def _turn(item: pytest.Item) -> tuple[bool, bool]:
    return _alone(item), not item.nodeid.startswith(LONG)


def _alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None or PurePosixPath(item.nodeid).is_relative_to("tests/chaos")
