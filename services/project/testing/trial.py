"""All cases of all flows: played, compared, recorded, counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from services.flows.catalogue import Catalogue
from services.flows.compile import compile_flow
from services.flows.load import FlowSource
from services.flows.steps.kind import walk
from services.flows.testing.compare import differences
from services.flows.testing.coverage import Coverage
from services.flows.testing.events import CaseError
from services.flows.testing.names_used import names_used
from services.flows.testing.record import recorded
from services.flows.testing.simulation import play
from services.flows.testing.story import Story
from services.flows.testing.suite import ScriptedAnswer, SuiteCase
from services.project.catalogue import ACTIONS, ENDPOINTS
from services.project.closum_facts import facts
from services.project.connections_file import shown_connections
from services.project.testing import suite_files
from services.project.testing.performer import Performer
from services.runtime.documents.suggestion import suggestion


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
        taken: set[int] = set()
        for number, case in enumerate(suite.suite.cases):
            stories, wrong, shared = _played(bound, case, catalogue)
            taken |= shared
            for story in stories:
                if story.flow == tested.source.name:
                    made.coverage.add(story.trace)
            if case.expect is not None and (stories or not wrong):
                # What the flow did otherwise is mostly why an answer is not taken.
                other = differences(flows, stories, case.expect)
                again = rewrite and bool(other) and not wrong
                wrong = [*wrong, *other]
            else:
                again = not wrong and record
                if not wrong and not record:
                    wrong = ["it expects nothing: write `expect`, or let `flows test --record` write it"]
            if again:
                written[suite.numbers[number] if suite.numbers else number] = recorded(flows, stories)
                wrong = []
            made.results.append(Result(suite.file, suite.lines[number], case.name, tuple(wrong), recorded=again))
        if not any(result.differences for result in made.results if result.file == suite.file):
            made.results += [
                Result(suite.file, 1, f"answers of the file, {_shown(number, each)}", (UNUSED,))
                for number, each in enumerate(suite.suite.answers)
                if number not in taken
            ]
        if written:
            suite_files.write(Path(suite.file), written)
    return made


def _bound(source: FlowSource, values: Mapping[str, str | int | float | bool]) -> FlowSource:
    """The flow with the values of a case. Raises ValueError for one that is not declared, or of another type."""
    if not values:
        return source
    known = source.vars.changed(values, "the case")
    return replace(source, flow=known.bound(source.flow, known.read_by(source.text)), vars=known)


UNUSED = "no call takes it: take it away, or correct what it is for"


def _played(
    bound: suite_files.Bound, case: SuiteCase, catalogue: Catalogue
) -> tuple[Sequence[Story], list[str], set[int]]:
    """The stories of a case, what is wrong with it, and which of the file's answers it took.

    What nobody foresaw is told of this case, and the others are played.
    """
    own, shared = case.answers, bound.suite.suite.answers
    try:
        _known_answers(bound, (*own, *shared))
        flows = [compile_flow(_bound(source, case.vars), catalogue.tools) for source in bound.flows]
        used = frozenset(name for source in bound.flows for name in names_used(source.flow))
        performer = Performer(ACTIONS, (*own, *shared), used, facts().rows(ENDPOINTS), shown_connections())
        stories = play(case, flows, catalogue.triggers, performer)
    except (CaseError, ValueError) as error:
        return (), [str(error)], set()
    except Exception as error:  # noqa: BLE001 - the last guard round a case
        return (), [f"this case could not be played: {type(error).__name__}: {error}. Report it"], set()
    unused = [f"{_shown(number, each)}: {UNUSED}" for number, each in enumerate(own) if number not in performer.taken]
    return stories, unused, {number - len(own) for number in performer.taken if number >= len(own)}


def _known_answers(bound: suite_files.Bound, answers: Sequence[ScriptedAnswer]) -> None:
    """Raise CaseError for an answer of an action or a connection that is not there."""
    calls = [call for source in bound.flows for step in walk(source.flow.steps) if (call := step.call()) is not None]
    actions = {call.action.text for call in calls}
    connections = {call.connection.text for call in calls if call.connection is not None}
    for number, each in enumerate(answers):
        for kind, named, known in (("action", each.action, actions), ("connection", each.connection, connections)):
            if named is not None and named not in known:
                raise CaseError(f"{_shown(number, each)}: no step has the {kind} {named!r}: {suggestion(named, known)}")


def _shown(number: int, answer: ScriptedAnswer) -> str:
    what = answer.http or answer.action or answer.connection or "of any action"
    return f"answer {number + 1} ({what})"
