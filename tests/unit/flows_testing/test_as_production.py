"""What becomes of a call and of an event in a test is what becomes of it in production: the same code says so."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from contracts.errors import ErrorCode
from contracts.runs import Outcome
from services.cli.commands.test import changes
from services.flows.testing.story import Story
from services.project.catalogue import catalogue
from services.project.testing import suite_files
from services.project.testing.trial import Result, trial
from tests.support.flows_testing import flow, stories

CALL = """\
flow: f
on: closum.lead.created
steps:
  - id: crm
    action: http.request
    connection: crm
    with: {{ method: {method}, url: "{url}" }}
    retry: {{ schedule: [10s, 1m] }}
"""


def told(answers: str, *, method: str = "PUT", url: str = "/people", given: str = "example: true") -> Story:
    """The story of one lead whose call is answered so."""
    suite = f"cases:\n  - name: a\n    given: {{ trigger: closum.lead.created, {given} }}\n    answers: {answers}\n"
    return stories(flow(CALL.format(method=method, url=url)), suite)[0]


def test_a_call_that_fails_is_made_again_after_the_waits_of_its_schedule() -> None:
    """503, 503 and 201 is delivered, 70 seconds later. A third 503 is the end."""
    busy = "{ http: PUT /people, status: 503, times: %d }"
    story = told(f"[{busy % 2}, {{ http: PUT /people, status: 201 }}]")
    assert (story.outcome, story.after_seconds) == (Outcome.DELIVERED, 70.0)
    story = told(f"[{busy % 3}]")
    assert (story.outcome, story.code, story.after_seconds) == (Outcome.DEAD, ErrorCode.DESTINATION_BUSY, 70.0)


def test_a_retry_after_is_waited_for() -> None:
    """However long, up to three days."""
    answers = '[{ http: PUT *, status: 429, headers: { Retry-After: "300" }, times: 1 }, { http: PUT *, status: 200 }]'
    assert told(answers).after_seconds == 300.0


def test_what_may_have_happened_and_must_not_happen_twice_waits_for_a_person() -> None:
    """A POST without a key is not made again after 500: its end is unknown, as in production."""
    story = told("[{ http: POST *, status: 500, times: 1 }, { http: POST *, status: 200 }]", method="POST")
    assert story.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("url", ["/people/../admin", "/%2e%2e/admin"])
def test_an_address_that_leaves_the_connection_is_refused(url: str) -> None:
    """By the rule that the call itself has; `flows check` says it first where the address stands in the flow."""
    text = CALL.format(method="PUT", url="${ trigger.name == '' ? '/' : trigger.name }")
    case = f"given: {{ example: true, data: {{ name: '{url}' }} }}, answers: [{{ http: PUT *, status: 200 }}]"
    story = stories(flow(text), f"cases: [{{ name: a, {case} }}]")[0]
    assert (story.outcome, story.code) == (Outcome.DEAD, ErrorCode.INPUT_INVALID)


def test_the_same_message_twice_is_a_duplicate() -> None:
    """By the id that its sender gave it, without a word in the test."""
    text = "flow: f\non: closum.whatsapp.message_received\nsteps:\n  - stop: x\n"
    given = ", ".join(
        f"{{ data: {{ from: '351912345678', text: a, message_id: wamid.{number} }} }}" for number in (1, 1, 2)
    )
    outcomes = [story.outcome for story in stories(flow(text), f"cases: [{{ name: a, given: [{given}] }}]")]
    assert outcomes == [Outcome.FILTERED, Outcome.DUPLICATE, Outcome.FILTERED]


def results(folder: Path, cases: str) -> list[Result]:
    """What a test file says of the flow beside it."""
    (folder / "f.yaml").write_text(CALL.format(method="PUT", url="/people"))
    (folder / "f.test.yaml").write_text(cases)
    (tested,), _ = suite_files.find([folder])
    return trial(tested, catalogue(), record=False, rewrite=False).results


CASE = "  - {{ name: {name}, given: {{ example: true }}, answers: [{answers}], expect: {{ outcome: delivered }} }}\n"
RIGHT = "{ http: PUT /people, status: 200 }"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (RIGHT + ", { http: PUT /poeple, status: 200 }", "answer 2 (PUT /poeple): no call takes it"),
        ("{ action: http.reqest, outputs: {} }", "did you mean 'http.request'?"),
        ("{ connection: crn, http: PUT *, status: 200 }", "did you mean 'crm'?"),
    ],
)
def test_an_answer_that_nothing_asks_for_is_a_mistake(tmp_path: Path, answers: str, said: str) -> None:
    """Unused, or of an action or a connection that no step has. The other case passes."""
    cases = "cases:\n" + CASE.format(name="a", answers=RIGHT) + CASE.format(name="b", answers=answers)
    right, wrong = results(tmp_path, cases)
    assert right.differences == ()
    assert said in wrong.differences[0]


def test_an_answer_of_the_file_is_for_one_of_its_cases(tmp_path: Path) -> None:
    """Used by one it is right; used by none it is a mistake of the file."""
    cases = "answers: [" + RIGHT + ", { http: GET /none, status: 200 }]\ncases:\n" + CASE.format(name="a", answers="")
    first, second = results(tmp_path, cases)
    assert first.differences == ()
    assert "answer 2 (GET /none)" in second.name


def test_a_broken_case_leaves_the_others(tmp_path: Path) -> None:
    """One with a misspelled key is told with its place, one that cannot be played fails: the others are played."""
    broken = "  - { name: broken, givn: {} }\n  - { name: unplayable, given: { trigger: no.such }, expect: {} }\n"
    cases = "cases:\n" + broken + CASE.format(name="b", answers=RIGHT)
    found = results(tmp_path, cases)
    assert [(result.name, bool(result.differences), result.line) for result in found] == [
        ("unplayable", True, 3),
        ("b", False, 4),
    ]
    assert [fault.line for fault in suite_files.find([tmp_path])[1]] == [2, 2]


def test_files_are_watched(tmp_path: Path) -> None:
    """Once at first, and again for each change; not for what was written meanwhile by the tests themselves."""
    file = tmp_path / "a.yaml"
    file.write_text("a")
    numbers = count()

    def pause(_: float) -> None:
        if (number := next(numbers)) in (1, 3):
            file.write_text("a" * (number + 2))
        assert number < 9

    seen = changes([tmp_path], pause=pause)
    assert [next(seen) for _ in range(3)] == [None, None, None]
