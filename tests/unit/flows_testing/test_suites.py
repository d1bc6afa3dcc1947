"""Test files: every mistake has its location, and no text makes reading them raise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.flows.testing.load import read_suite

RIGHT = """\
flow: a
cases:
  - name: one
    given: { example: true, after: 2h }
    answers:
      - http: POST /x
        status: 201
    expect:
      outcome: delivered
      calls:
        - action: http.request
          with: { url: /x }
"""


def test_a_right_file_has_no_faults() -> None:
    found, faults = read_suite(RIGHT, "a.test.yaml")

    assert not faults
    assert found is not None
    assert found.lines == (3,)
    assert found.suite.cases[0].given[0].after == 7200


@pytest.mark.parametrize(
    ("change", "to", "location", "says"),
    [
        ("outcome: delivered", "outcome: done", "9:7", "'delivered', 'filtered'"),
        ("outcome:", "outcom:", "9:7", "did you mean 'outcome'"),
        ("after: 2h", "after: 2x", "4:29", "no duration"),
        ("status: 201", "status: 999", "7:9", "599"),
        ("  - name: one\n    given", "  - given", "3:5", "needs `name`"),
        ("http: POST /x", "http: /x", "6:9", "a method and a path"),
        ("http: POST /x", "outputs: {}", "6:9", "`status` belongs to an answer with `http`"),
        ("          with", "          whith", "12:11", "did you mean 'with'"),
        ("cases:", "casses:", "2:1", "did you mean 'cases'"),
    ],
)
def test_a_mistake_is_named_where_it_stands(change: str, to: str, location: str, says: str) -> None:
    assert change in RIGHT
    found, faults = read_suite(RIGHT.replace(change, to), "a.test.yaml")

    assert found is None
    told = [str(fault) for fault in faults]
    assert any(line.startswith(f"a.test.yaml:{location}: ") and says in line for line in told), told


def test_two_cases_of_one_name_are_a_mistake() -> None:
    _, faults = read_suite("cases: [{ name: a, given: {} }, { name: a, given: {} }]", "a.test.yaml")

    assert "two cases are named 'a'" in faults[0].text


@given(st.text(max_size=200))
def test_no_text_makes_it_raise(text: str) -> None:
    found, faults = read_suite(text, "a.test.yaml")

    assert (found is None) == bool(faults)
