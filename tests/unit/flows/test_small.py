"""Durations, templates, names, versions, the index: the small parts."""

from __future__ import annotations

import time

import pytest

from services.flows.compile import compile_flow
from services.flows.durations import DurationError, parse_duration
from services.flows.index import FlowIndex
from services.flows.templates import Hole, TemplateError, split
from services.runtime.documents.suggestion import nearest, suggestion
from tests.support.flows import TOOLS, compiled, flow_text, source


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("2h", 7200),
        ("30d", 2_592_000),
        ("1h30m", 5400),
        ("250ms", 0.25),
        ("1.5h", 5400),
        ("2w", 1_209_600),
    ],
)
def test_a_duration(text: str, seconds: float) -> None:
    """Numbers with units, one after the other."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "1 h", "1h 30m", "0s", "9999d", "1y", "١s"])
def test_what_is_no_duration(text: str) -> None:
    """No unit, no number, blanks, nothing, too long."""
    with pytest.raises(DurationError):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("plain", ["plain"]),
        ("", []),
        ("${ a }", [Hole("a", 3, 4)]),
        ("x ${a}y", ["x ", Hole("a", 4, 5), "y"]),
        ("$${ a }", ["${ a }"]),
        ("${ {'}': \"}\"} }", [Hole("{'}': \"}\"}", 3, 13)]),
        (r"${ 'a\'}' }", [Hole(r"'a\'}'", 3, 9)]),
        ("${ r'\\' }", [Hole("r'\\'", 3, 7)]),
        ("${ '''a'}''' }", [Hole("'''a'}'''", 3, 12)]),
        ("$ { a }", ["$ { a }"]),
    ],
)
def test_a_template(text: str, parts: list[str | Hole]) -> None:
    """Braces in maps and in texts do not end an expression."""
    assert split(text) == parts


@pytest.mark.parametrize(("text", "at"), [("${ a", 0), ("x ${ 'a }", 2), ("${ a } ${", 7)])
def test_a_template_that_is_not_closed(text: str, at: int) -> None:
    """It says which `${` has no end."""
    with pytest.raises(TemplateError) as error:
        split(text)
    assert error.value.at == at


def test_the_nearest_name() -> None:
    """The one that was probably meant; else what there is, not all of it."""
    assert nearest("phone.fromat", ["phone.format", "text.format"]) == "phone.format"
    assert nearest("xyz", ["phone.format"]) is None
    assert suggestion("From", ["from"]) == "did you mean 'from'?"
    assert suggestion("zzz", "abcdefghij") == "there is a, b, c, d, e, f, g, h, …"
    assert suggestion("zzz", []) == "there is none"


def test_a_name_of_a_stranger_costs_no_more_than_a_name() -> None:
    """However long it is: ingest tells the sender of an unknown trigger too."""
    begun = time.process_time()
    assert nearest("closum.lead.created" + "x" * 1_000_000, ["closum.lead.created"]) is None
    assert time.process_time() - begun < 0.5


STEPS = '- id: phone\n  tool: phone.format\n  with: { number: "${ trigger.from }", region: PT }\n- stop: done\n'


def test_a_version_says_what_a_flow_does() -> None:
    """Layout, comments and the order of keys do not change it; every value does."""
    version = compiled(STEPS).version
    same = [
        STEPS.replace("done", "done   # a comment"),
        STEPS.replace("- stop: done", '\n\n- stop: "done"'),
        "- tool: phone.format\n  id: phone\n  with:\n    region: PT\n    number: ${trigger.from}\n- stop: done\n",
    ]
    assert {compiled(steps).version for steps in same} == {version}
    others = [STEPS.replace("PT", "ES"), STEPS.replace("phone\n", "tel\n", 1), STEPS.replace("done", "do ne")]
    others.append(STEPS.replace("trigger.from", "trigger.id"))
    versions = {compiled(steps).version for steps in others} | {compiled(STEPS, on="[shop.ordered]").version}
    assert len(versions - {version}) == 4
    assert compiled(STEPS, on="[shop.ordered]").version == version
    assert compiled(STEPS, head="key: ${ trigger.id }\n").version != version


def test_a_version_is_the_same_on_every_machine() -> None:
    """It stands in runs, which outlive processes: a change of this number needs a new LANGUAGE."""
    assert compiled("- stop: a").version == "73c4b58d33655d3fdc617b9fd1c1f2e8"


def test_a_flow_with_faults_is_not_compiled() -> None:
    """Whoever compiles without checking gets told."""
    with pytest.raises(KeyError, match=r"phone\.none"):
        compile_flow(source(flow_text("- tool: phone.none")), TOOLS)
    with pytest.raises(ValueError, match="Syntax error"):
        compile_flow(source(flow_text("- stop: ${ 1 + }")), TOOLS)


def test_the_index_finds_flows_by_trigger_and_version() -> None:
    """In the order in which they were given; unknown names find nothing."""
    one = compiled("- stop: a")
    two = compiled("- stop: b", on="[shop.visited, shop.ordered]")
    index = FlowIndex([one, two])
    assert index.for_trigger("shop.ordered") == (one, two)
    assert index.for_trigger("shop.visited") == (two,)
    assert index.for_trigger("shop.closed") == ()
    assert index.version("tried", two.version) is two
    assert index.version("tried", "0") is None
    assert (len(index), list(index)) == (2, [one, two])
