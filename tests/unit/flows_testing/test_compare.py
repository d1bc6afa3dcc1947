"""Differences are lines that a person understands, and name the deepest place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.flows.durations import parse_duration, shown
from services.flows.testing.compare import differences
from services.flows.testing.coverage import Coverage
from services.flows.testing.patterns import like, same
from services.flows.testing.record import recorded
from services.flows.testing.suite import Expected
from tests.support.flows_testing import flow, stories

FLOW = flow("""
flow: hello
on: closum.whatsapp.message_received
when: ${ trigger.text != "" }
steps:
  - switch: ${ trigger.text }
    cases:
      bye:
        - stop: goodbye
    default:
      - action: http.request
        connection: crm
        with: { method: POST, url: /contacts, json: { text: "${ trigger.text }", tags: [a, b] } }
""")
FLOWS = {"hello": FLOW.flow}
STORIES = stories(FLOW, "cases: [{ name: x, given: { data: { from: '351912345678', text: olá } } }]")
CALL = {"action": "http.request", "connection": "crm"}
INPUTS = {"method": "POST", "url": "/contacts", "json": {"text": "olá", "tags": ["a", "b"]}}


@pytest.mark.parametrize(
    "expected",
    [
        {"outcome": "delivered"},
        {"calls": [{**CALL, "with": INPUTS}]},
        {"calls": [{"action": "http.request", "like": {"url": "*contacts", "json": {"text": "*"}}}]},
        {"path": ["when: true", "switch 0: default", "action 0.default.0"]},
        {"after": 0},
    ],
)
def test_what_is_as_expected_makes_no_difference(expected: dict[str, object]) -> None:
    assert differences(FLOWS, STORIES, [Expected.model_validate(expected)]) == []


@pytest.mark.parametrize(
    ("expected", "says"),
    [
        ({"outcome": "filtered"}, "outcome: expected filtered, was delivered"),
        ({"calls": []}, "calls: 0 expected, 1 made"),
        ({"calls": [{**CALL, "with": {**INPUTS, "url": "/x"}}]}, 'with.url: expected "/x", was "/contacts"'),
        (
            {"calls": [{**CALL, "with": {**INPUTS, "json": {"text": "olá", "tags": ["a", "c"]}}}]},
            'with.json.tags[1]: expected "c", was "b"',
        ),
        ({"calls": [{**CALL, "with": {**INPUTS, "more": 1}}]}, "with.more: expected 1, is absent"),
        ({"calls": [{**CALL, "with": {"method": "POST", "url": "/contacts"}}]}, "with.json: not expected"),
        ({"calls": [{**CALL, "connection": "other"}]}, "connection: expected 'other', was 'crm'"),
        ({"calls": [CALL, CALL]}, "call 2: expected http.request, not made"),
        ({"calls": [{**CALL, "after": "2h"}]}, "expected 2h after the event, was 0s after"),
        ({"calls": [{"action": "closum.lead.add"}]}, "call 1: expected closum.lead.add, was http.request"),
        ({"path": ["when: true"]}, "path: after when: true expected the end, was switch 0: default"),
        ({"outputs": {"crm": {"status": 200}}}, "outputs.crm: expected"),
    ],
)
def test_a_difference_is_told(expected: dict[str, object], says: str) -> None:
    found = differences(FLOWS, STORIES, [Expected.model_validate(expected)])

    assert any(says in line for line in found), found


def test_another_number_of_runs_is_a_difference() -> None:
    assert differences(FLOWS, STORIES, []) == ["0 run(s) were expected, 1 began"]


def test_what_was_recorded_is_as_expected() -> None:
    said = Expected.model_validate(recorded(FLOWS, STORIES))

    assert differences(FLOWS, STORIES, [said]) == []


def test_coverage_names_what_no_case_took() -> None:
    coverage = Coverage(FLOW.flow)
    coverage.add(STORIES[0].trace)

    assert [str(part) for part in coverage.missing] == [
        "line 4: when: false",
        "line 6: switch 0: case bye",
        "line 9: stop 0.cases.0.0",
    ]
    assert coverage.count(ways=False) == (2, 3)
    assert coverage.count(ways=True) == (2, 4)
    coverage.add([(part.path, part.way) for part in coverage.missing])
    assert coverage.percent == 100


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab*", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=1), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_every_value_is_the_same_as_itself(value: object) -> None:
    assert same(value, value)


@given(st.text("ab", max_size=6), st.text("ab*", max_size=6))
def test_a_star_stands_for_anything(value: str, pattern: str) -> None:
    parts = pattern.split("*")
    if like(value, pattern):
        assert value.startswith(parts[0])
        assert value.endswith(parts[-1])
    assert like(value, value[:2] + "*")


def test_true_is_not_one() -> None:
    assert not same(True, 1)  # noqa: FBT003 - JSON values
    assert same(1, 1.0)


@given(st.integers(1, 10**9))
def test_a_shown_duration_is_read_as_the_same(milliseconds: int) -> None:
    assert parse_duration(shown(milliseconds / 1000)) == pytest.approx(milliseconds / 1000)
