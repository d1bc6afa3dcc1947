"""A tool is one file: its types, its examples and its catalogue line follow from its declaration."""

from __future__ import annotations

import pytest

from contracts.triggers.registry import TRIGGERS
from services.flows.catalogue import Catalogue, collect
from services.flows.check import check
from services.flows.load import load_text
from tests.extensions import tools

TOOLS = collect(tools)
ADDED = TOOLS["text.initials"]
FLOW = """\
flow: initials
on: closum.lead.created
steps:
  - id: short
    tool: text.initials
    with: {{ {field}: "${{ trigger.name }}" }}
"""


@pytest.mark.parametrize("example", ADDED.examples, ids=lambda example: example.says)
async def test_its_examples_are_true(example) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """As `flows catalog` shows them."""
    assert (await ADDED.run(ADDED.inputs.model_validate(example.inputs))).model_dump() == example.outputs


def test_flows_that_use_it_are_checked() -> None:
    """A misspelled input is told with the right one."""
    known = Catalogue(dict(TRIGGERS), TOOLS)
    right, wrong = (load_text(FLOW.format(field=field), "initials.yaml") for field in ("text", "txt"))
    assert check(right[0], known) == []
    assert any("did you mean 'text'" in mistake.text for mistake in check(wrong[0], known))
