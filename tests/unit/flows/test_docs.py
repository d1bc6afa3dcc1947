"""docs/flows.md: every flow in it is right, and every word of the language is in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.flows.check import check
from services.flows.compile import compile_flow
from services.flows.load import load_text
from services.flows.parse import FLOW_KEYS
from services.flows.steps.registry import kinds
from services.project.catalogue import catalogue
from services.runtime.documents.faults import FaultCode
from tests.support.flows import faults_of, flow_text, texts_of

PAGE = (Path(__file__).parents[3] / "docs" / "flows.md").read_text()
PAGES = ("flows.md", "waiting.md", "two-way-sync.md")
DOCS = Path(__file__).parents[3] / "docs"
FLOWS = [text for name in PAGES for text in re.findall(r"```yaml\n(.*?)```", (DOCS / name).read_text(), re.DOTALL)]
TABLE = PAGE.split("This is `managers.csv`")[1].split("```text\n")[1].split("```")[0]
CATALOGUE = catalogue()


@pytest.mark.parametrize("text", FLOWS, ids=[text.split("\n")[0] for text in FLOWS])
def test_every_flow_is_right(text: str) -> None:
    """It passes the check with the real catalogue, and compiles."""
    sources, faults = load_text(text, "docs/flows.md", {"managers.csv": TABLE}.__getitem__)
    assert [str(fault) for fault in [*faults, *check(sources, CATALOGUE, {"crm", "closum"})]] == []
    for source in sources:
        compile_flow(source, CATALOGUE.tools)


def test_every_key_is_explained() -> None:
    """In backticks, so that it is found."""
    keys = {key.name for keys in (FLOW_KEYS, *(kind.keys for kind in kinds().values())) for key in keys}
    assert {key for key in keys if not re.search(rf"`{key}\b|^ *-? ?{key}:", PAGE, re.MULTILINE)} == set()


def test_every_code_is_explained() -> None:
    """And no other is."""
    table = PAGE.split("## What `flows check` finds")[1].split("### Circles")[0]
    told = {code for cell in re.findall(r"(?m)^\| (`.*?`) \|", table) for code in re.findall(r"`(\w+)`", cell)}
    assert told == {code.value for code in FaultCode}


CELLS = re.findall(r"(?m)^\| [a-z, ]+ \| (`.*`) \|$", PAGE.split("## Expressions")[1])
EXPRESSIONS = [
    found.replace("\\|", "|") for cell in CELLS for found in re.findall(r"`([^`]+)`", cell) if "`" not in found
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_expression_of_the_table_is_one(expression: str) -> None:
    """With what it names given a value; one that begins with a dot is about a text."""
    source = f"trigger.text{expression}" if expression.startswith(".") else expression
    given = "- set: { a: true, b: false, scores: [1], phone: { valid: true, e164: x }, crm: { status: 5 } }\n"
    text = flow_text(f"{given}- set:\n    z: |\n      ${{ {source} }}\n", on="closum.lead.created")
    sources, faults = load_text(text.replace("trigger.text", "trigger.name"))
    assert [str(fault) for fault in [*faults, *check(sources, CATALOGUE)]] == []


def test_the_table_of_expressions_is_read() -> None:
    """The test above sees the whole table."""
    assert len(EXPRESSIONS) >= 29


def test_the_unquoted_form_is_a_fault_that_says_so() -> None:
    """What the page warns of."""
    assert faults_of(flow_text("- tool: phone.format\n  with: { number: ${ trigger.from } }")) == ["5:20 yaml_invalid"]
    assert "in quotes" in texts_of(flow_text("- tool: phone.format\n  with: { number: ${ trigger.from } }"))
