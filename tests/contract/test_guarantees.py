"""docs/guarantees.md names tests that exist, for each guarantee, with its limits; the README leads there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "guarantees.md"
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE.read_text())
SECTIONS = re.split(r"(?m)^## ", PAGE.read_text())[1:]


@pytest.mark.parametrize(("path", "name"), NAMED, ids=lambda part: part)
def test_each_test_that_is_named_exists(path: str, name: str) -> None:
    """Under its path and name."""
    tree = ast.parse((ROOT / path).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.partition("\n")[0])
def test_each_guarantee_has_limits_and_is_shown(section: str) -> None:
    """In honest words, and by at least one test."""
    assert "| limit | |" in section
    assert "::" in section.partition("Shown by")[2]


def test_settings_that_are_named_exist() -> None:
    """Under their names of today."""
    known = (ROOT / "docs" / "reference" / "settings.md").read_text()
    for name in re.findall(r"`(FLOWS_\w+)`", PAGE.read_text()):
        assert f"`{name}`" in known, name


def test_the_readme_leads_there() -> None:
    """And promises order per key, as it is kept."""
    readme = (ROOT / "README.md").read_text()
    assert "(docs/guarantees.md)" in readme
    assert "per key" in readme
