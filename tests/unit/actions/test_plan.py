"""What a worker makes of a record of `actions`: a call with all that its attempts need, or why there can be none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from contracts.actions import Priority, Retry
from contracts.errors import ErrorCode
from services.actions.attempt.plan import LONGEST_CAUSE, Call, Plan, Planner, broken, bug
from services.actions.attempt.retry import Schedule
from services.actions.attempt.states import Asking, Waiting
from services.actions.outcome import Failed
from services.actions.queue.assignment import Assignment
from services.actions.queue.job import Job
from services.actions.registry import ACTIONS
from services.runtime.kafka.offset_gaps import Gap
from tests.support.actions import request
from tests.unit.actions.plans import CONNECTIONS, plan, planned, record


def failed(made: Plan) -> tuple[ErrorCode, str]:
    """Why there is no call."""
    assert isinstance(made.call, Failed)
    assert not made.call.again
    return made.call.code, made.call.cause


def test_a_sound_request_is_a_call() -> None:
    """Its inputs checked, its connection, its schedule and its time."""
    made = plan(retry=Retry(attempts=3, within_seconds=30))
    assert isinstance(made.call, Call)
    assert made.call.action is ACTIONS["http.request"]
    assert made.call.connection is not None
    assert made.call.connection.name == "crm"
    assert made.call.schedule == Schedule(3, 30.0)
    assert made.call.seconds is None
    waits = plan(retry=Retry(schedule_seconds=[1, 2]))
    assert isinstance(waits.call, Call)
    assert (waits.call.schedule.attempts, waits.call.schedule.waits) == (3, (1.0, 2.0))


def test_the_time_of_a_call_is_the_steps_else_its_connections() -> None:
    """Else the setting's."""
    slow = {"crm": replace(CONNECTIONS["crm"], call_seconds=40.0)}
    for own, seconds in ((None, 40.0), (2.0, 2.0)):
        made = Planner(ACTIONS, slow).plan(record(request(1, timeout_seconds=own).to_bytes()))
        assert isinstance(made.call, Call)
        assert made.call.seconds == seconds


@pytest.mark.parametrize(
    ("fields", "code", "cause"),
    [
        (
            {"action": "no.such"},
            ErrorCode.ACTION_UNKNOWN,
            "no action 'no.such' here; is this worker older than the flow?",
        ),
        ({"connection": "crn"}, ErrorCode.CONNECTION_UNKNOWN, "no connection 'crn'; did you mean 'crm'"),
        (
            {"connection": None, "action": "closum.tag.create", "inputs": {}},
            ErrorCode.CONNECTION_UNKNOWN,
            "closum.tag.create needs a connection; write `connection: NAME` in the step",
        ),
        ({"inputs": {"method": "POST"}}, ErrorCode.INPUT_INVALID, "http.request: url: "),
    ],
)
def test_a_request_that_cannot_be_made_says_why(fields: dict[str, Any], code: ErrorCode, cause: str) -> None:
    """In the words of whoever wrote the flow."""
    made = plan(**fields)
    found, told = failed(made)
    assert (found, told[: len(cause)]) == (code, cause)
    assert made.request is not None


def test_what_cannot_be_read_says_where_it_is_wrong() -> None:
    """By its first fault, and how many there are; it is a lane of its own, without a step or a connection."""
    made = planned(b"{}")
    code, cause = failed(made)
    assert code is ErrorCode.REQUEST_INVALID
    assert cause == "effect_id: Field required (6 faults)"
    assert failed(planned(b"{"))[1].startswith("the record: ")
    assert (made.lane, made.step, made.connection) == (("t.actions", 0, 7), None, "")
    assert failed(Planner(ACTIONS, {}).plan(record(Gap(3, "too large")))) == (ErrorCode.RECORD_UNREADABLE, "too large")
    none = plan(connection=None, inputs={"method": "GET", "url": "http://x.example/"})
    assert none.connection == ""


@pytest.mark.parametrize("maybe", [True, False])
def test_a_bug_is_told_counted_and_a_dead_letter(*, maybe: bool) -> None:
    """With its place and its stack; its text is cut."""
    counted = REGISTRY.get_sample_value("flows_bugs_total", {"topic": "actions"}) or 0.0
    error = ValueError("x" * 1000)
    with capture_logs() as logs:
        found = bug(record(b""), error, maybe=maybe)
    assert found == Failed(ErrorCode.BUG, found.cause, again=False, maybe=maybe)
    assert found.again is False
    assert found.cause == f"ValueError: {'x' * 1000}"[:LONGEST_CAUSE]
    assert REGISTRY.get_sample_value("flows_bugs_total", {"topic": "actions"}) == counted + 1
    place = {"topic": "t.actions", "partition": 0, "offset": 7}
    assert logs == [{"event": "record.broke", "log_level": "critical", "exc_info": error} | place]
    made = broken(record(b"", offset=9), error)
    assert (made.request, made.record.offset) == (None, 9)
    assert failed(made)[0] is ErrorCode.BUG


def test_what_planning_raises_is_a_bug_of_that_record() -> None:
    """Whatever it is."""

    class Raises(dict[str, Any]):
        def get(self, *_: object) -> Any:
            raise OSError("planted")

    made = Planner(Raises(), {}).plan(record(request(1).to_bytes()))
    assert failed(made) == (ErrorCode.BUG, "OSError: planted")


def test_a_job_queues_where_its_request_says() -> None:
    """By connection and flow, with its priority's weight; it is late while none of its calls is under way."""
    here = Assignment(("t.actions", 0), None)  # type: ignore[arg-type]  # no tenure is asked for
    made = plan(priority=Priority.HIGH)
    job = Job(made, here)
    assert (job.turn.connection, job.turn.flow, job.turn.weight) == ("crm", "flow", 8)
    assert (job.lane, job.offset, job.parked, job.state) == (made.lane, 7, None, Waiting())
    for priority, weight in ((Priority.NORMAL, 2), (Priority.LOW, 1)):
        assert Job(plan(priority=priority), here).turn.weight == weight
    none = plan(connection=None, inputs={"method": "GET", "url": "http://x.example/"})
    assert Job(none, here).turn.connection == ""
    unread = Job(planned(b"{"), here)
    assert (unread.turn.connection, unread.turn.flow, unread.late(1e12)) == ("", "", False)
    assert not job.late(1e12)
    late = plan(deadline="2020-01-01T00:00:00Z")
    assert Job(late, here).late(1e12)
    assert not Job(late, here).late(0.0)
    asking = Asking(Failed(ErrorCode.CALL_TIMED_OUT, "", again=False), 1, 0.0, 30.0, 0.0)
    assert not Job(late, here, state=asking).late(1e12)
    here.offsets.take(7)
    job.finish()
    assert here.offsets.position == 8
