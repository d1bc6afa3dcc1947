"""What becomes of a call and of an event in a test is what becomes of it in production: the same code says so."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from contracts.errors import ErrorCode
from contracts.runs import Outcome
from services.cli.commands.test import changes
from services.flows.seen_events import OTHER_CONTENT
from services.flows.testing.events import CaseError
from services.flows.testing.simulation import DUPLICATE
from services.flows.testing.story import Story
from services.project.catalogue import catalogue
from services.project.testing import suite_files
from services.project.testing.trial import Result, trial
from services.runtime.settings import RuntimeSettings
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


VERIFIED = """\
flow: f
on: closum.lead.created
steps:
  - id: crm
    action: http.request
    connection: crm
    with:
      method: POST
      url: /people
      verify: {{ url: /people/1{more} }}
    retry: {{ schedule: [10s], within: 1m }}
{beside}"""
CUT = "{ http: POST /people, error: call_interrupted, times: 1 }"
GOES_ON = "    on_error: continue\n"


def asked(answers: str, *, beside: str = "", more: str = "") -> Story:
    """The story of a call that says how its destination can be asked."""
    suite = f"cases:\n  - {{ name: a, given: {{ example: true }}, answers: [{answers}] }}\n"
    return stories(flow(VERIFIED.format(beside=beside, more=more)), suite)[0]


@pytest.mark.parametrize("error", ["call_interrupted", "call_timed_out"])
def test_a_call_of_unknown_outcome_is_asked_about(error: str) -> None:
    """It happened: the answer to the question stands for the call's, and nothing is made again."""
    answers = f"{{ http: POST /people, error: {error}, times: 1 }}, {{ http: GET /people/1, json: {{ id: 7 }} }}"
    story = asked(answers)
    took = 15.0 if error == "call_timed_out" else 0.0
    assert (story.outcome, story.after_seconds) == (Outcome.DELIVERED, took + 0.25)


def test_a_call_that_did_not_happen_is_made_again_when_it_can_no_longer_come() -> None:
    """After half a minute of asking, which does not count for `within`, and the wait of the schedule."""
    story = asked(f"{CUT}, {{ http: GET *, status: 404 }}, {{ http: POST /people, status: 201 }}")
    assert (story.outcome, story.after_seconds) == (Outcome.DELIVERED, 30.0 + 10.0)


@pytest.mark.parametrize(("beside", "outcome"), [("", Outcome.UNKNOWN), (GOES_ON, Outcome.DELIVERED)])
def test_an_answer_that_leaves_it_open_is_for_a_person(beside: str, outcome: Outcome) -> None:
    """After half a minute it is unknown, unless the flow goes on after any failure."""
    story = asked(f"{CUT}, {{ http: GET *, status: 500 }}", beside=beside)
    assert (story.outcome, story.after_seconds) == (outcome, 30.0)


def test_nothing_is_asked_before_the_retry_after_of_the_call_itself() -> None:
    """After 500 with 60 seconds; the answer to the question is then the call's."""
    later = '{ http: POST *, status: 500, headers: { Retry-After: "60" }, times: 1 }'
    story = asked(f"{later}, {{ http: GET *, json: {{ id: 7 }} }}")
    assert (story.outcome, story.after_seconds) == (Outcome.DELIVERED, 60.0)


def test_a_question_without_an_answer_says_what_to_write() -> None:
    """It is no call of the flow, so its place is named."""
    with pytest.raises(CaseError, match=r"no answer for GET /people/1, by which crm .* is verified"):
        asked(CUT)


def test_a_connection_that_honours_a_key_gets_the_call_again_under_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the connections file declares; without a declaration it ends as unknown."""
    file = tmp_path / "connections.yaml"
    monkeypatch.setenv("FLOWS_CONNECTIONS_FILE", str(file))
    cases = "cases:\n" + CASE.format(name="a", answers=f"{CUT}, {{ http: POST /people, status: 201 }}")
    connection = "connections:\n  crm:\n    base_url: https://crm.example.com/api\n"
    file.write_text(connection)
    assert "expected delivered, was unknown" in results(tmp_path, cases, method="POST")[0].differences[1]
    file.write_text(connection + "    idempotency: { header: X-Key, for: 24h }\n")
    assert results(tmp_path, cases, method="POST")[0].differences == ()


def test_a_conflict_is_a_repetition_only_after_what_may_have_arrived() -> None:
    """After 503 nothing is at work, so 409 says no; after 500 the first one may be, so it is made again."""
    conflict = "{ http: PUT *, status: 409, times: 1 }, { http: PUT *, status: 201 }"
    assert told(f"[{{ http: PUT *, status: 503, times: 1 }}, {conflict}]").code is ErrorCode.CALL_REJECTED
    assert told(f"[{{ http: PUT *, status: 500, times: 1 }}, {conflict}]").outcome is Outcome.DELIVERED


def test_what_is_denied_is_tried_again() -> None:
    """403 and 405 may be so for all, and for now: as in production, that takes all attempts."""
    denied = "{ http: PUT *, status: 403, times: %d }"
    assert told(f"[{denied % 2}, {{ http: PUT *, status: 201 }}]").outcome is Outcome.DELIVERED
    story = told(f"[{denied % 3}]")
    assert (story.code, story.after_seconds) == (ErrorCode.CREDENTIALS_REFUSED, 70.0)


def test_an_answer_to_head_has_no_body() -> None:
    """Nor one with 204: whatever the test says."""
    text = (
        "flow: f\non: closum.lead.created\nsteps:\n"
        "  - { id: a, action: http.request, connection: crm, with: { method: HEAD, url: / } }\n"
        '  - { if: "${ a.?json.?x.orValue(0) == 1 }", then: [ { stop: a body } ] }\n'
    )
    case = "given: { example: true }, answers: [{ http: HEAD *, json: { x: 1 } }]"
    assert stories(flow(text), f"cases: [{{ name: a, {case} }}]")[0].outcome is Outcome.DELIVERED


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


def ends(*given: str) -> list[tuple[Outcome | None, str | None]]:
    """How events of a flow that stops at once end."""
    text = "flow: f\non: closum.whatsapp.message_received\nsteps:\n  - stop: x\n"
    case = f"cases: [{{ name: a, given: [{', '.join(given)}] }}]"
    return [(story.outcome, story.reason) for story in stories(flow(text), case)]


def test_the_same_id_with_other_content_is_told() -> None:
    """It is a duplicate, and its reason says what to look at."""
    one, other = (f"{{ id: a, data: {{ from: '351912345678', text: {text} }} }}" for text in "xy")
    reasons = [reason for _, reason in ends(one, one, other)]
    assert reasons == ["x", "seen before", OTHER_CONTENT]


def test_the_same_id_a_day_later_is_another_event() -> None:
    """As long as an installation remembers that says nothing else."""
    one = "{{ id: a, after: {}, data: {{ from: '351912345678', text: a }} }}"
    outcomes = [outcome for outcome, _ in ends(one.format("1s"), one.format("23h"), one.format("1h"))]
    assert outcomes == [Outcome.FILTERED, Outcome.DUPLICATE, Outcome.FILTERED]
    assert RuntimeSettings.model_fields["duplicate_hours"].default * 3600 == DUPLICATE.total_seconds()


def results(folder: Path, cases: str, *, method: str = "PUT") -> list[Result]:
    """What a test file says of the flow beside it."""
    (folder / "f.yaml").write_text(CALL.format(method=method, url="/people"))
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
