"""README.md is true: its first flow is right, and the mistake that it plants is told in the words that it shows."""

from __future__ import annotations

import re
from pathlib import Path

from contracts.errors import ErrorCode
from services.flows.check import check
from services.flows.load import load_text
from services.project.catalogue import catalogue

README = (Path(__file__).parents[2] / "README.md").read_text()
FLOW = re.findall(r"<<'END'\n(.*?)END\n", README, re.DOTALL)[0]


def faults(text: str) -> list[str]:
    """What `flows check` says of the text as flows/hello.yaml."""
    sources, found = load_text(text, "flows/hello.yaml")
    return [str(fault) for fault in [*found, *check(sources, catalogue(), {"crm", "closum"})]]


def test_the_first_flow_is_right() -> None:
    """It passes the check with the real catalogue."""
    assert faults(FLOW) == []


def test_the_planted_mistake_is_told_as_shown() -> None:
    """Place, code and remedy, to the letter."""
    (said,) = faults(FLOW.replace("trigger.contact.name", "trigger.contact.nme"))
    assert f"```\n{said}\n" in README


def test_the_first_flow_is_the_one_of_the_guide() -> None:
    """A newcomer who goes on in docs/flows.md meets the same flow."""
    assert FLOW in (Path(__file__).parents[2] / "docs/flows.md").read_text()


def test_error_codes_of_the_shown_demo_are_codes_of_the_product() -> None:
    """What the demo's dead letters are shown with stands in contracts/errors.py."""
    codes = set(re.findall(r"actions\.dlq/\d+/\d+: (\w+) in", README))
    assert codes
    assert codes <= {code.value for code in ErrorCode}
