"""What is published when a request ends, and when an attempt failed: every field, to the right topic, in order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import orjson
import pytest
from structlog.testing import capture_logs

from contracts.actions import ActionRequest
from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.runs import AttemptRecord, HistoryRecord, Outcome, RunMessage
from contracts.topics import ACTIONS_DLQ, HISTORY, RUNS
from services.actions.attempt.ends import MOST_OUTPUTS_BYTES, Ends, end, failed_attempt
from services.actions.attempt.plan import Plan
from services.actions.attempt.states import Ended, Sending, Waiting
from services.actions.journal.effects import Key
from services.actions.journal.unknown_calls import UnknownCalls
from services.actions.outcome import Done, Failed
from services.runtime.kafka import ConsumedRecord, MessageTooLargeError, OutgoingRecord
from services.runtime.kafka.history import LONGEST_REASON
from services.runtime.kafka.publishing import BatchPublisher
from tests.support.actions import request
from tests.unit.actions.plans import plan, planned

REJECTED = Failed(ErrorCode.CALL_REJECTED, "HTTP 422", again=False)
UNKNOWN = Failed(ErrorCode.CALL_TIMED_OUT, "no answer", again=False, maybe=True, unknown=True)
LATE = Failed(ErrorCode.TOO_LATE, "too late", again=False)
THREE = Waiting(3, 0.0)


class Parts(BatchPublisher, UnknownCalls):
    """What is asked of Kafka and of the unknown calls, in order. `refuse`: what it raises at its first asking."""

    def __init__(self, *refuse: Exception | None) -> None:
        self.told: list[Any] = []
        self.refuse = list(refuse)

    async def publish(self, outputs: Sequence[OutgoingRecord]) -> None:
        """All of these or nothing."""
        if self.refuse and (error := self.refuse.pop(0)) is not None:
            raise error
        self.told.append([output.topic.name for output in outputs])

    async def keep(self, key: Key, request: ActionRequest, record: ConsumedRecord, failed: Failed) -> None:
        """For a person."""
        self.told.append(("keep", key, request.effect_id, record.offset, failed.code))

    async def answered(self, key: Key, *, happened: bool) -> None:
        """The destination has said."""
        self.told.append((key, happened))


def ends(*refuse: Exception | None) -> tuple[Ends, list[Any]]:
    """And what it did."""
    parts = Parts(*refuse)
    return Ends(parts, parts), parts.told


def ended(made: Plan, outcome: Done | Failed, state: Waiting | Sending = THREE) -> HistoryRecord:
    """The one record of `history`."""
    (told,) = (one for one in end(made, outcome, state) if one.topic is HISTORY)
    return HistoryRecord.model_validate_json(told.value or b"")


def resumed(made: Plan, outcome: Done | Failed) -> RunMessage:
    """The one record, of a run that goes on."""
    (told,) = end(made, outcome, THREE)
    assert made.request is not None
    assert (told.topic, told.key) == (RUNS, made.request.key)
    return RunMessage.model_validate_json(told.value or b"")


def test_a_run_goes_on_with_what_its_call_gave() -> None:
    """Under its step and effect, with the run as it was."""
    made = plan()
    assert made.request is not None
    message = resumed(made, Done({"id": 7}))
    assert message.run == made.request.run
    assert message.answer is not None
    assert (message.answer.effect_id, message.answer.step) == (made.request.effect_id, "0")
    assert (message.answer.outputs, message.answer.error) == ({"id": 7}, None)


@pytest.mark.parametrize(
    ("fields", "failed"),
    [
        ({"resume_on_error": True}, REJECTED),
        ({"resume_on_error": True}, UNKNOWN),
        ({"resume_on_deadline": True}, LATE),
    ],
)
def test_a_run_goes_on_with_what_went_wrong(fields: dict[str, bool], failed: Failed) -> None:
    """With its code, its cause and how often it was tried."""
    message = resumed(plan(**fields), failed)
    assert message.answer is not None
    assert message.answer.outputs == {}
    assert message.answer.error is not None
    error = message.answer.error
    assert (error.code, error.cause, error.attempts) == (failed.code, failed.cause, 3)


@pytest.mark.parametrize(
    ("fields", "failed", "outcome"),
    [
        ({}, REJECTED, Outcome.DEAD),
        ({"resume_on_deadline": True}, REJECTED, Outcome.DEAD),
        ({}, UNKNOWN, Outcome.UNKNOWN),
        ({}, LATE, Outcome.FILTERED),
        ({"resume_on_error": True}, LATE, Outcome.FILTERED),
        # One that is too late for its second attempt may have been made.
        ({"resume_on_deadline": True}, Failed(ErrorCode.TOO_LATE, "too late", again=False, maybe=True), Outcome.DEAD),
    ],
)
def test_a_run_ends_with_its_last_call(fields: dict[str, bool], failed: Failed, outcome: Outcome) -> None:
    """What it was, how often it was tried, and why it ended."""
    made = plan(**fields)
    assert made.request is not None
    told = ended(made, failed)
    assert (told.run_id, told.step, told.outcome, told.reason, told.code) == (
        "r1",
        "0",
        outcome,
        failed.cause,
        failed.code,
    )
    last = told.last_call
    assert last is not None
    assert (last.effect_id, last.step, last.action) == (made.request.effect_id, "0", "http.request")
    assert (last.connection, last.attempts, last.outputs) == ("crm", 3, None)
    topics = [one.topic for one in end(made, failed, THREE)]
    assert topics == ([ACTIONS_DLQ, HISTORY] if outcome is Outcome.DEAD else [HISTORY])


def test_a_delivered_run_tells_what_its_last_call_gave() -> None:
    """Unless that is over the bound, or nothing."""
    made = plan(last=True)
    told = ended(made, Done({"id": 7}))
    assert (told.outcome, told.reason, told.code) == (Outcome.DELIVERED, None, None)
    assert told.last_call is not None
    assert (told.last_call.outputs, told.last_call.attempts) == ({"id": 7}, 3)
    most = "x" * (MOST_OUTPUTS_BYTES - len(orjson.dumps({"a": ""})))
    for outputs, kept in (({"a": most}, True), ({"a": most + "x"}, False), ({}, False)):
        last = ended(made, Done(outputs)).last_call
        assert last is not None
        assert last.outputs == (outputs if kept else None)
    assert ended(made, Done({"at": datetime.now(UTC), "what": timedelta(1)})).last_call is not None


@pytest.mark.parametrize("maybe", [(False, False), (True, False), (False, True)])
def test_a_dead_letter_says_whose_it_is_and_what_may_have_happened(maybe: tuple[bool, bool]) -> None:
    """Of an earlier attempt, or of the last."""
    before, now = maybe
    made = plan()
    assert made.request is not None
    failed = Failed(ErrorCode.CALL_REJECTED, "HTTP 422", again=False, maybe=now)
    letter = end(made, failed, Waiting(3, 0.0, maybe=before))[0]
    assert (letter.topic, letter.key, letter.value) == (ACTIONS_DLQ, b"k", made.record.value)
    assert ("h", b"1") in (letter.headers or ())
    told = DeadLetter.from_headers(letter.headers or ())
    assert (told.service, told.code, told.cause, told.attempts) == ("actions", failed.code, "HTTP 422", 3)
    assert told.effect_possible is (before or now)
    assert (told.run_id, told.event_id, told.flow, told.step) == ("r1", "e1", "flow", "0")
    assert told.effect_id == made.request.effect_id


def test_what_cannot_be_read_is_dead_and_nobodys_run() -> None:
    """Its letter and its end, with the cause."""
    made = planned(b"{")
    assert isinstance(made.call, Failed)
    letter, told = end(made, made.call, Waiting())
    assert (letter.topic, letter.value) == (ACTIONS_DLQ, b"{")
    read = HistoryRecord.model_validate_json(told.value or b"")
    assert (read.outcome, read.code, read.reason) == (Outcome.DEAD, ErrorCode.REQUEST_INVALID, made.call.cause)


def test_a_failed_attempt_is_told_with_every_id() -> None:
    """And when the next follows; its cause is cut."""
    made = plan()
    assert made.request is not None
    failed = Failed(ErrorCode.DESTINATION_FAILED, "x" * (LONGEST_REASON + 1), again=True)
    told = failed_attempt(made, failed, THREE, free=True, next_seconds=1.23456)
    assert (told.topic, told.key) == (HISTORY, made.request.run.event.key)
    read = AttemptRecord.model_validate_json(told.value or b"")
    assert abs(datetime.now(UTC) - read.at) < timedelta(minutes=1)
    assert read.model_dump(exclude={"at", "cause"}) == {
        "kind": "attempt",
        "run_id": "r1",
        "event_id": "e1",
        "account": "default",
        "subject": "+351910000000",
        "flow": "flow",
        "step": "0",
        "effect_id": made.request.effect_id,
        "action": "http.request",
        "connection": "crm",
        "attempt": 3,
        "free": True,
        "code": ErrorCode.DESTINATION_FAILED,
        "next_seconds": 1.235,
    }
    assert read.cause == "x" * LONGEST_REASON


async def test_a_failed_attempt_is_published() -> None:
    """To `history`, as it is."""
    records: list[OutgoingRecord] = []

    class Kept(Parts):
        async def publish(self, outputs: Sequence[OutgoingRecord]) -> None:
            records.extend(outputs)

    made, kept = plan(), Kept()
    await Ends(kept, kept).failed(made, REJECTED, THREE, free=False, next_seconds=2.0)
    read = AttemptRecord.model_validate_json(records[0].value or b"")
    assert (read.attempt, read.free, read.code, read.next_seconds) == (3, False, REJECTED.code, 2.0)


async def test_what_is_unknown_is_kept_for_a_person_before_its_end_is_told() -> None:
    """Also where its flow goes on; nothing else is kept."""
    made = plan()
    kept = ("keep", made.effect, made.effect.effect_id, 7, UNKNOWN.code)
    one, told = ends()
    assert await one.publish(made, UNKNOWN, THREE) == Ended(UNKNOWN, dead=False)
    assert told == [kept, ["history"]]
    one, told = ends()
    assert await one.publish(plan(resume_on_error=True), UNKNOWN, THREE) == Ended(UNKNOWN, dead=False)
    assert told == [kept, ["runs"]]
    one, told = ends()
    assert await one.publish(made, REJECTED, THREE) == Ended(REJECTED, dead=True)
    assert told == [["actions.dlq", "history"]]
    one, told = ends()
    assert await one.publish(made, Done({}), THREE) == Ended(Done({}), dead=False)
    assert told == [["runs"]]


async def test_a_run_that_its_answer_makes_too_large_is_dead() -> None:
    """The call was made, so its effect may be there; the answer is told nowhere."""
    too_large = MessageTooLargeError("5 bytes")
    one, told = ends(too_large)
    made = await one.publish(plan(), Done({"id": 7}), THREE)
    assert made.dead
    cause = f"with the answer, the run has {too_large}"
    assert made.outcome == Failed(ErrorCode.MESSAGE_TOO_LARGE, cause, again=False, maybe=True)
    assert told == [["actions.dlq", "history"]]


async def test_what_broke_has_its_letter_first_and_its_end_if_that_can_be_told() -> None:
    """An end that cannot be told is logged; without a letter it raises."""
    one, told = ends()
    assert await one.bury(plan(), REJECTED, THREE) == Ended(REJECTED, dead=True)
    assert told == [["actions.dlq"], ["history"]]
    one, told = ends(None, ValueError("no end"))
    with capture_logs() as logs:
        assert await one.bury(plan(), REJECTED, THREE) == Ended(REJECTED, dead=True)
    assert told == [["actions.dlq"]]
    assert [line["event"] for line in logs] == ["end.untold"]
    one, told = ends(ValueError("no letter"))
    with pytest.raises(ValueError, match="no letter"):
        await one.bury(plan(), REJECTED, THREE)


def test_requests_are_what_they_were() -> None:
    """The account of an event is the effect's."""
    one = request(1)
    event = one.run.event.model_copy(update={"account": "acme"})
    made = planned(one.model_copy(update={"run": one.run.model_copy(update={"event": event})}))
    assert made.effect == Key("acme", one.effect_id)
    assert cast("Any", made.lane) == ("acme", "+351910000000", "crm")
    assert (made.step, made.connection) == (("flow", "0"), "crm")
