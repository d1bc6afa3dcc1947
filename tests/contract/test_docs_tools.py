"""docs/tools.md is true: each of its rows is what the tool gives, and no tool is left out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import services.tools.catalog
from services.flows.catalogue import collect
from tests.support.tools import use

TOOLS = collect(services.tools.catalog)
PAGE = (Path(__file__).parents[2] / "docs" / "tools.md").read_text()
ROWS = re.findall(r"^\| `([\w.]+)` \| `(\{.*\})` \| `(\{.*\})` \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("tool", "given", "gives"), ROWS, ids=[f"{tool} {given[:40]}" for tool, given, _ in ROWS])
def test_a_row_is_what_the_tool_gives(tool: str, given: str, gives: str) -> None:
    r"""In Markdown, a `|` inside of a row is written `\|`."""
    inputs, wanted = (json.loads(cell.replace("\\|", "|")) for cell in (given, gives))
    found = use(TOOLS[tool], **inputs)
    assert {name: found[name] for name in wanted} == wanted


def test_every_tool_and_every_row_is_there() -> None:
    """A row that the test cannot read would prove nothing."""
    assert len(ROWS) == sum(line.startswith("| `") for line in PAGE.splitlines())
    assert {name for name in TOOLS if f"`{name}`" not in PAGE} == set()
