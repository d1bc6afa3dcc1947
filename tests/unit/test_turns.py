"""Which tests run side by side, and which have the machine alone."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any, Self, cast

import pytest

from tests.support import turns


class Id(str):
    """As pytest's."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """One of its text."""
        return cls(text)


class Item(SimpleNamespace):
    """What is asked of a test."""

    @property
    def nodeid(self) -> str:
        """Its id."""
        return str(self._id)

    def get_closest_marker(self, name: str) -> object:
        """Whether it is marked."""
        return name in self.marks or None


def test_files_are_groups_and_what_measures_comes_last() -> None:
    names = (
        "tests/unit/test_u.py::a",
        "tests/unit/test_u.py::b[x@y]",
        "tests/e2e/test_e.py::a",
        "tests/chaos/test_k.py::a",
        "tests/chaos/test_l.py::a",
    )
    items = [Item(_id=Id(name), marks=()) for name in names]
    items.insert(1, Item(_id=Id("tests/integration/test_i.py::timed"), marks=("alone",)))
    turns.arrange(cast("list[Any]", items), worker=True)
    assert [(item.nodeid.partition("::")[2].rpartition("@")[::2]) for item in items] == [
        ("a", "tests/chaos"),
        ("a", "tests/chaos"),
        ("a", "tests/e2e/test_e.py"),
        ("a", "tests/unit/test_u.py"),
        ("b[x@y]", "tests/unit/test_u.py"),
        ("timed", "alone"),
    ]


def test_without_workers_a_tests_id_is_its_own() -> None:
    items = [Item(_id=Id("tests/unit/test_u.py::a"), marks=())]
    turns.arrange(cast("list[Any]", items), worker=False)
    assert items[0].nodeid == "tests/unit/test_u.py::a"


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="there are no workers")
def test_the_workers_of_this_run_know_the_groups(request: pytest.FixtureRequest) -> None:
    """A pytest or an xdist that keeps ids elsewhere would not say so: each test would be a group of its own."""
    assert request.node.nodeid.endswith("@tests/unit/test_turns.py")
