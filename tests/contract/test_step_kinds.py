"""A step kind is one file: nobody but the tests knows one by name, and none forgets a part of itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from services.flows.load import load_paths, load_text
from services.flows.steps.kind import Step, walk
from services.flows.steps.registry import kinds, known
from services.flows.syntax import Constant, Expression, ListOf, MapOf, Template, Value
from tests.extensions.steps import share
from tests.extensions.test_step import FLOW
from tests.support.flows import flow_text
from tests.unit.flows.test_check_right import HEADS, STEPS

ROOT = Path(__file__).parents[2]
REST = """
- wait: { until: "${ trigger.note }", zone: Europe/Lisbon, working_hours: { days: mon-fri } }
  cancel_on:
    trigger: shop.ordered
    key: ${ trigger.from }
    match: ${ trigger.phone }
    then:
      - stop: ordered again
- action: http.request
  connection: crm
  with: { method: POST, url: /orders }
  writes: { id: "${ trigger.id }", email: "${ trigger.note }", fields: { stage: "${ trigger.from }" } }
  on_error:
    - stop: failed
"""
"""Parts that no other flow has."""
RECORDED = ROOT / "tests" / "recorded" / "flows"
VALUES = (Constant, Expression, ListOf, MapOf, Template)


def every_step() -> list[Step]:
    """All steps of many right flows; each kind is among them, and that of a stranger."""
    texts = [flow_text(STEPS[name].lstrip("\n"), head=HEADS.get(name, "")) for name in STEPS]
    with known(share.KIND):
        sources = [source for text in (*texts, flow_text(REST), FLOW) for source in load_text(text)[0]]
    sources += load_paths([ROOT / "examples", RECORDED])[0]
    return [step for source in sources for step in walk(source.flow.steps)]


ALL = every_step()


def parts(node: object) -> Iterator[Step | Value]:
    """The values and steps that stand in the fields of a step, however deep, without those inside of these."""
    if isinstance(node, tuple):
        for item in node:
            yield from parts(item)
    elif isinstance(node, (Step, *VALUES)):
        yield node
    elif is_dataclass(node):
        for field in fields(node):
            yield from parts(getattr(node, field.name))


def inside(step: Step) -> list[Step | Value]:
    """What stands in a step."""
    return [part for field in fields(step) for part in parts(getattr(step, field.name))]


def leaves(value: Value) -> Iterator[Value]:
    """The values in a value that hold no others."""
    if isinstance(value, ListOf):
        for item in value.items:
            yield from leaves(item)
    elif isinstance(value, MapOf):
        for _, item in value.items:
            yield from leaves(item)
    else:
        yield value


def test_each_kind_is_tried() -> None:
    """The tests below see all of them."""
    assert {step.kind for step in ALL} == {*kinds(), "share"}


def test_each_kind_is_recorded_by_the_next_release() -> None:
    """What it does is held from then on: a flow with its cases in tests/recorded/flows."""
    flows = [source.flow for source in load_paths([RECORDED])[0]]
    assert set(kinds()) - {step.kind for flow in flows for step in walk(flow.steps)} == set()


@pytest.mark.parametrize("kind", [*kinds(), "share"])
def test_no_value_of_a_step_is_forgotten(kind: str) -> None:
    """What `all_values` leaves out, the search for secrets does not see. The name of a case is none."""
    for step in (each for each in ALL if each.kind == kind):
        told = [leaf for value in step.all_values() for leaf in leaves(value)]
        there = [leaf for part in inside(step) if not isinstance(part, Step) for leaf in leaves(part)]
        cases = [Constant(case.value.value, case.value.location) for case in getattr(step, "cases", ())]
        assert [leaf for leaf in there if leaf not in told and leaf not in cases] == []


@pytest.mark.parametrize("kind", [*kinds(), "share"])
def test_no_step_inside_is_forgotten(kind: str) -> None:
    """What `ways` leaves out, nobody checks, draws or counts. Paths begin with that of the step around."""
    for step in (each for each in ALL if each.kind == kind):
        there = [part for part in inside(step) if isinstance(part, Step)]
        assert [each for way in step.ways() for each in way.steps] == there
        assert all(each.path.startswith(f"{step.path}.") for each in there)
        names = [way.name for way in step.ways()]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("kind", kinds())
def test_nobody_knows_a_kind(kind: str) -> None:
    """No file of the services names the file of a kind: they ask every step the same."""
    module = re.compile(re.escape(kinds()[kind].__module__) + r"\b|" + rf"\b{kinds()[kind].__name__}\b")
    own = Path(*kinds()[kind].__module__.split(".")).with_suffix(".py")
    named = [
        file.relative_to(ROOT)
        for file in (ROOT / "services").rglob("*.py")
        if file.relative_to(ROOT) != own and module.search(file.read_text())
    ]
    assert named == []
