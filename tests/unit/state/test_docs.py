"""docs/state.md: its flow is right, and names every tool with state."""

from __future__ import annotations

import re
from pathlib import Path

from services.flows.check import check
from services.flows.compile import compile_flow
from services.flows.load import load_text
from services.flows.needs import Need
from services.project.catalogue import catalogue
from tests.contract.test_tools_conformance import run

PAGE = (Path(__file__).parents[3] / "docs" / "state.md").read_text()


def test_its_flows_pass_the_check_and_compile() -> None:
    texts = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert texts
    for text in texts:
        sources, faults = load_text(text, "docs/state.md")
        assert [str(fault) for fault in [*faults, *check(sources, catalogue(), {"crm"})]] == []
        for source in sources:
            compile_flow(source, catalogue().tools)


def test_every_tool_with_state_is_explained() -> None:
    """A tool with state is one that needs something before it gives outputs."""
    asking = {
        name
        for name, tool in catalogue().tools.items()
        if isinstance(run(tool, tool.inputs.model_validate(dict(tool.examples[0].inputs))), Need)
    }
    assert {name for name in asking if f"`{name}`" not in PAGE} == set()
    assert len(asking) == 10
