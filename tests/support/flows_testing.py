"""Playing a case of a flow, both as texts."""

from __future__ import annotations

from services.actions.registry import ACTIONS
from services.flows.check import check
from services.flows.compile import compile_flow
from services.flows.load import FlowSource, load_text
from services.flows.testing.load import read_suite
from services.flows.testing.names_used import names_used
from services.flows.testing.simulation import play
from services.flows.testing.story import Story
from services.flows.testing.suite import Suite
from services.project.catalogue import catalogue
from services.project.testing.performer import Performer


def flow(text: str) -> FlowSource:
    """The only flow of a text, which must be right."""
    (source,), faults = load_text(text)
    assert not faults, faults
    assert not (wrong := check([source], catalogue(), None)), wrong
    return source


def suite(text: str) -> Suite:
    """The suite of a text, which must be right."""
    found, faults = read_suite(text, "a.test.yaml")
    assert found is not None, faults
    return found.suite


def stories(source: FlowSource, text: str) -> tuple[Story, ...]:
    """What happens in the first case of a suite."""
    tests = suite(text)
    case = tests.cases[0]
    known = catalogue()
    performer = Performer(ACTIONS, (*case.answers, *tests.answers), names_used(source.flow))
    return play(case, [compile_flow(source, known.tools)], known.triggers, performer)
