"""`deadline`: what a call is told of its moment, and where a run goes on that comes too late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.actions import ActionRequest
from contracts.errors import ErrorCode
from contracts.runs import Answer, Outcome, StepError
from services.flows.advance import advance
from services.flows.explain.mermaid import as_mermaid
from services.flows.explain.outline import outline
from services.flows.explain.svg import as_svg
from services.flows.explain.text import as_text
from services.flows.outcomes import Act, End, Sleep
from services.flows.versions import version_of
from tests.support.flows import NOW, compiled, event, first, flow_text, source
from tests.support.flows_testing import flow, stories

CALL = "- id: call\n  action: http.call\n  with: { method: POST, url: / }\n"
LATE = StepError(code=ErrorCode.TOO_LATE, cause="too late")
ILL = StepError(code=ErrorCode.CALL_TIMED_OUT, cause="no answer")
ACCEPTED = event().accepted or event().time


def request(steps: str, head: str = "", **data: Any) -> ActionRequest:
    """What a run asks for first."""
    act = first(compiled(steps, head=head), **data)
    assert isinstance(act, Act), act
    return act.request


def after(steps: str, error: StepError, head: str = "") -> End | Act | Sleep:
    """What comes after the first call ended so."""
    made = compiled(steps, head=head)
    act = first(made)
    assert isinstance(act, Act), act
    answer = Answer(effect_id=act.request.effect_id, step=act.request.step, error=error)
    found = advance(made, act.request.run, answer=answer, now=NOW)
    assert isinstance(found, (End, Act, Sleep)), found
    return found


@pytest.mark.parametrize(
    ("steps", "head", "moment"),
    [
        (CALL, "", None),
        (CALL + "  deadline: 1h30m\n", "", ACCEPTED + timedelta(hours=1.5)),
        (CALL + "  deadline: 2030-01-01T12:00:00+02:00\n", "", datetime(2030, 1, 1, 10, tzinfo=UTC)),
        (CALL + "  deadline: 2030-01-01T10:00:00Z\n", "", datetime(2030, 1, 1, 10, tzinfo=UTC)),
        (
            CALL + '  deadline: ${ timestamp("2030-01-01T10:00:00Z") + duration("1h") }\n',
            "",
            datetime(2030, 1, 1, 11, tzinfo=UTC),
        ),
        (CALL, "deadline: 2h\n", ACCEPTED + timedelta(hours=2)),
        (CALL + "  deadline: 3h\n", "deadline: 2h\n", ACCEPTED + timedelta(hours=2)),
        (CALL + "  deadline: 1h\n", "deadline: 2h\n", ACCEPTED + timedelta(hours=1)),
    ],
)
def test_a_request_says_until_when_it_may_be_made(steps: str, head: str, moment: datetime | None) -> None:
    """In UTC; of the step's and the flow's the first; and the same however often it is asked for."""
    one = request(steps, head)
    assert one.deadline == moment
    assert ActionRequest.read(one.to_bytes()).deadline == moment
    assert not one.resume_on_deadline


def test_a_request_knows_whether_it_is_too_late() -> None:
    """At its moment it is."""
    one = request(CALL + "  deadline: 1h\n")
    end = ACCEPTED + timedelta(hours=1)
    assert one.too_late((end - timedelta(milliseconds=1)).timestamp()) is None
    assert one.too_late(end.timestamp()) == f"too late: it was to be made before {end.isoformat(timespec='seconds')}"
    assert request(CALL).too_late(datetime.max.replace(tzinfo=UTC).timestamp()) is None


def test_a_moment_that_is_none_fails_the_step() -> None:
    """As an expression that fails."""
    end = first(compiled(CALL + '  deadline: "${ trigger.from }"\n'))
    assert isinstance(end, End)
    assert (end.outcome, end.code) == (Outcome.DEAD, ErrorCode.EXPRESSION_FAILED)


def test_a_call_that_is_too_late_goes_on_as_the_flow_says() -> None:
    """`continue` and steps; `on_error` is for failures, `on_deadline` for what is too late."""
    assert request(CALL + "  deadline: 1h\n  on_deadline: continue\n").resume_on_deadline
    rest = '- stop: "${ has(errors.call) ? string(errors.call.code) : string(call.status) }"\n'
    end = after(CALL + "  deadline: 1h\n  on_deadline: continue\n" + rest, LATE)
    assert isinstance(end, End)
    assert (end.outcome, end.reason) == (Outcome.FILTERED, "too_late")
    both = CALL + "  deadline: 1h\n  on_deadline: [ { stop: late } ]\n  on_error: [ { stop: ill } ]\n"
    for error, reason in ((LATE, "late"), (ILL, "ill")):
        end = after(both, error)
        assert isinstance(end, End)
        assert end.reason == reason


def test_steps_of_on_deadline_have_more_time_than_the_flow() -> None:
    """Otherwise each call there would be too late."""
    other = "- id: other\n  action: http.call\n  with: { method: POST, url: /late }"
    steps = (
        CALL
        + "  on_deadline:\n"
        + "".join(f"    {line}\n" for line in other.splitlines())
        + CALL.replace("id: call", "id: then")
    )
    act = after(steps, LATE, head="deadline: 1h\n")
    assert isinstance(act, Act)
    assert (act.request.name, act.request.deadline) == ("other", None)


def test_a_flow_without_a_deadline_keeps_its_version() -> None:
    """A key that the language gets later changes no version of today; and a deadline is another version."""
    assert version_of(source(flow_text(CALL)).flow) == "072747672c5457663e89876f049d05cc"
    versions = {
        version_of(source(flow_text(CALL, head=head)).flow) for head in ("", "deadline: 1h\n", "deadline: 2h\n")
    }
    assert len(versions) == 3


def test_it_is_explained() -> None:
    """The flow's, the step's, and what is done."""
    steps = CALL + '  deadline: "${ trigger.from }"\n  on_deadline: [ { stop: late } ]\n'
    told = outline(source(flow_text(steps, head="deadline: 2h\n")).flow)
    text = as_text(told)
    assert "its calls not later than 2h after its event" in text
    assert "not after ${ trigger.from }" in text
    assert "on_deadline:" in text
    assert "stop: late" in text
    for picture in (as_mermaid(told), as_svg(told)):
        assert "not later than 2h" in picture
        assert "on_deadline" in picture


REMINDER = """
flow: reminder
on: closum.whatsapp.message_received
steps:
  - wait: { for: 10m, working_hours: { zone: Europe/Lisbon, days: mon-fri, hours: "09:00-18:00" } }
  - id: crm
    action: http.request
    connection: crm
    with: { method: POST, url: /call-back }
    deadline: 4h
"""
CASE = """
cases:
  - name: one
    given: { at: "AT", data: { from: "351912345678", text: olá } }
    answers: [{ http: POST */call-back, status: 201 }]
"""
DAY, NIGHT = "2026-03-02T10:00:00+00:00", "2026-03-02T17:55:00+00:00"


def test_in_virtual_time_a_call_is_too_late() -> None:
    """In working hours it is made; over night the wait is longer than the deadline."""
    (story,) = stories(flow(REMINDER), CASE.replace("AT", DAY))
    assert (story.outcome, len(story.calls)) == (Outcome.DELIVERED, 1)
    (story,) = stories(flow(REMINDER), CASE.replace("AT", NIGHT))
    assert (story.outcome, story.code, story.calls) == (Outcome.FILTERED, ErrorCode.TOO_LATE, [])
    assert (story.reason or "").startswith("too late: ")
    (story,) = stories(flow(REMINDER + "    on_deadline: [ { stop: tomorrow } ]\n"), CASE.replace("AT", NIGHT))
    assert (story.outcome, story.reason) == (Outcome.FILTERED, "tomorrow")
    assert ("1", "on_deadline") in story.trace


def test_a_case_can_say_that_a_call_is_too_late() -> None:
    """Where no wait makes it so."""
    case = CASE.replace("AT", DAY).replace(
        "http: POST */call-back, status: 201", "action: http.request, error: too_late"
    )
    (story,) = stories(flow(REMINDER), case)
    assert (story.outcome, story.code) == (Outcome.FILTERED, ErrorCode.TOO_LATE)
