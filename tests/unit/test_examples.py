"""The examples that people start from are right, tested beside themselves, and tested whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.flows.check import check
from services.project.catalogue import catalogue
from services.project.testing import suite_files
from services.project.testing.trial import trial

EXAMPLES = Path(__file__).parents[2] / "examples"
KNOWN = catalogue([EXAMPLES])
CONNECTIONS = {"closum", "crm", "slack", "companies"}
TESTED, FAULTS = suite_files.find([EXAMPLES])


def test_all_examples_together_have_no_mistakes() -> None:
    sources = [tested.source for tested in TESTED]

    assert [str(fault) for fault in [*FAULTS, *check(sources, KNOWN, CONNECTIONS)]] == []


@pytest.mark.parametrize("tested", TESTED, ids=lambda tested: tested.source.name)
def test_an_example_does_what_its_cases_tell_and_they_take_every_branch(tested: suite_files.Tested) -> None:
    result = trial(tested, KNOWN, record=False, rewrite=False)

    assert [(one.name, one.differences) for one in result.results if one.differences] == []
    assert result.results
    assert [str(part) for part in result.coverage.missing] == []
