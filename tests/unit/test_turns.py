"""Which tests run side by side, and which have the machine alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.support import turns


class Item(SimpleNamespace):
    """What is asked of a test."""

    def get_closest_marker(self, name: str) -> object:
        """Whether it is marked."""
        return name in self.marks or None

    def add_marker(self, mark: pytest.MarkDecorator) -> None:
        """The group that it gets."""
        self.group = mark.args[0]


def test_files_are_groups_and_what_measures_comes_last(request: pytest.FixtureRequest) -> None:
    names = ("tests/chaos/test_k.py::a", "tests/unit/test_u.py::a", "tests/unit/test_u.py::b", "tests/e2e/test_e.py::a")
    items = [Item(nodeid=name, marks=()) for name in names]
    items.insert(1, Item(nodeid="tests/integration/test_i.py::timed", marks=("alone",)))
    turns.arrange(cast("list[Any]", items))
    assert [(item.nodeid.partition("::")[2], item.group) for item in items] == [
        ("a", "tests/e2e/test_e.py"),
        ("a", "tests/unit/test_u.py"),
        ("b", "tests/unit/test_u.py"),
        ("timed", "alone"),
        ("a", "alone"),
    ]
    assert request.node.get_closest_marker("xdist_group").args == ("tests/unit/test_turns.py",)
