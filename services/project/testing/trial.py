"""All cases of all flows: played, compared, recorded, counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.flows.catalogue import Catalogue
from services.flows.compile import compile_flow
from services.flows.load import FlowSource
from services.flows.testing.compare import differences
from services.flows.testing.coverage import Coverage
from services.flows.testing.events import CaseError
from services.flows.testing.names_used import names_used
from services.flows.testing.record import recorded
from services.flows.testing.simulation import play
from services.flows.testing.story import Story
from services.flows.testing.suite import SuiteCase
from services.project.catalogue import ACTIONS
from services.project.testing import suite_files
from services.project.testing.performer import Performer


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a case: `differences` is empty when it went as expected."""

    file: str
    line: int
    name: str
    differences: tuple[str, ...]
    recorded: bool = False


@dataclass(slots=True)
class Trial:
    """All that is known of one flow after its cases."""

    source: FlowSource
    coverage: Coverage
    results: list[Result] = field(default_factory=list)


def trial(tested: suite_files.Tested, catalogue: Catalogue, *, record: bool, rewrite: bool) -> Trial:
    """Play all cases of a flow that `flows check` finds nothing wrong with.

    With `record`, cases that expect nothing get what happened as expectation; with `rewrite`, those that differ too.
    """
    made = Trial(tested.source, Coverage(tested.source.flow))
    for bound in tested.suites:
        suite = bound.suite
        flows = {source.name: source.flow for source in bound.flows}
        written: dict[int, Any] = {}
        for number, case in enumerate(suite.suite.cases):
            stories, wrong = _played(bound, case, catalogue)
            for story in stories:
                if story.flow == tested.source.name:
                    made.coverage.add(story.trace)
            if not wrong and case.expect is not None:
                wrong = differences(flows, stories, case.expect)
                again = rewrite and bool(wrong)
            else:
                again = not wrong and record
                if not wrong and not record:
                    wrong = ["it expects nothing: write `expect`, or let `flows test --record` write it"]
            if again:
                written[number] = recorded(flows, stories)
                wrong = []
            made.results.append(Result(suite.file, suite.lines[number], case.name, tuple(wrong), recorded=again))
        if written:
            suite_files.write(Path(suite.file), written)
    return made


def _played(bound: suite_files.Bound, case: SuiteCase, catalogue: Catalogue) -> tuple[Sequence[Story], list[str]]:
    flows = [compile_flow(source, catalogue.tools) for source in bound.flows]
    used = frozenset(name for source in bound.flows for name in names_used(source.flow))
    performer = Performer(ACTIONS, (*case.answers, *bound.suite.suite.answers), used)
    try:
        return play(case, flows, catalogue.triggers, performer), []
    except CaseError as error:
        return (), [str(error)]
