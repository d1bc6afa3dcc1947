"""What comes next for a run, story by story."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from contracts.actions import Priority
from contracts.errors import ErrorCode
from contracts.ids import stable_id
from contracts.message import TEN_YEARS
from contracts.runs import Answer, Outcome, Run, StepError
from services.flows.advance import advance, begin
from services.flows.catalogue import Tool
from services.flows.compile import CompiledFlow, compile_flow
from services.flows.outcomes import Act, Ask, End, Next
from tests.support.flows import (
    NOW,
    FormatIn,
    FormatOut,
    Turn,
    compiled,
    event,
    first,
    flow_text,
    source,
)

PHONE = '- id: phone\n  tool: phone.format\n  with: { number: "${ trigger.from }" }\n'
CALL = '- id: call\n  action: http.call\n  with: { method: POST, url: /, json: { a: "${ trigger.id }" } }\n'
SMS = '- action: sms.send\n  connection: gateway\n  with: { to: "${ phone.e164 }", text: hi, consent: true }\n'
STOP = "- stop: the end\n"


def acted(result: Next) -> Act:
    """The result, which must be a call to make."""
    assert isinstance(result, Act), result
    return result


def ended(result: Next) -> End:
    """The result, which must be an end."""
    assert isinstance(result, End), result
    return result


def over_kafka(run: Run) -> Run:
    """The run as it arrives on the other side of a topic."""
    return Run.model_validate_json(run.to_bytes())


def answer_to(act: Act, outputs: dict[str, Any] | None = None, error: StepError | None = None) -> Answer:
    """What services/actions sends back."""
    return Answer(effect_id=act.request.effect_id, step=act.request.step, outputs=outputs or {}, error=error)


def go_on(flow: CompiledFlow, act: Act, outputs: dict[str, Any] | None = None, error: StepError | None = None) -> Next:
    """Advance with the answer of a call, after the run went through Kafka and back."""
    return advance(flow, over_kafka(act.request.run), answer=answer_to(act, outputs, error), now=NOW)


FAILED = StepError(code=ErrorCode.CALL_REJECTED, cause="the API said no", attempts=3)


def test_tools_run_at_once_and_an_action_is_requested() -> None:
    """The run comes to its first call, with what the steps before it gave."""
    request = acted(first(compiled(PHONE + CALL + SMS))).request
    assert request.action == "http.call"
    assert request.inputs == {"method": "POST", "url": "/", "json": {"a": "7"}}
    assert (request.step, request.name, request.last, request.resume_on_error) == ("1", "call", False, False)
    assert request.run.at == "1"
    assert request.run.outputs == {"phone": {"valid": True, "e164": "+351912345678"}}
    assert request.requested == NOW
    assert request.connection is None


def test_the_answer_is_the_output_of_the_step() -> None:
    """Steps after a call see its answer, and the last call says that it is the last."""
    flow = compiled(PHONE + CALL + SMS.replace("hi", '"status ${ call.status }"'))
    request = acted(go_on(flow, acted(first(flow)), {"status": 201})).request
    assert request.inputs["text"] == "status 201"
    assert request.connection == "gateway"
    assert request.last
    assert request.run.outputs["call"] == {"status": 201}


def test_a_flow_ends_as_delivered() -> None:
    """When nothing is left to do."""
    flow = compiled(CALL + "- set: { a: 1 }")
    end = ended(go_on(flow, acted(first(flow)), {"status": 200}))
    assert (end.outcome, end.code, end.run.outputs["a"]) == (Outcome.DELIVERED, None, 1)


def test_stop_ends_as_filtered_with_its_reason() -> None:
    """A reason may hold values; the step says where."""
    flow = compiled(PHONE + "- if: ${ !phone.valid }\n  then:\n    - stop: no phone in ${ trigger.from }\n" + CALL)
    end = ended(first(flow, **{"from": "12"}))
    assert (end.outcome, end.reason, end.step) == (Outcome.FILTERED, "no phone in 12", "1.then.0")
    assert acted(first(flow)).request.step == "2"


def test_when_decides_before_the_first_step() -> None:
    """An event that `when` refuses ends as filtered."""
    flow = compiled(CALL, head="when: ${ trigger.paid }\n")
    end = ended(first(flow, paid=False))
    assert (end.outcome, end.step) == (Outcome.FILTERED, "when")
    assert acted(first(flow, paid=True))


def test_a_switch_takes_the_equal_case() -> None:
    """Equal in value and kind; else the default, else on."""
    flow = compiled(
        "- switch: ${ trigger.id }\n  cases:\n    a: [ { stop: one } ]\n    '7': [ { stop: two } ]\n"
        "  default: [ { stop: other } ]"
    )
    assert [ended(first(flow, id=name)).reason for name in ("a", "7", "x")] == ["one", "two", "other"]
    onwards = compiled("- switch: ${ trigger.id }\n  cases:\n    a: [ { stop: one } ]\n- stop: on")
    assert ended(first(onwards, id="x")).reason == "on"


def test_a_switch_tells_true_from_one() -> None:
    """They are equal in Python, and not in a flow."""
    flow = compiled(
        "- switch: ${ trigger.raw.x }\n  cases:\n    1: [ { stop: number } ]\n    true: [ { stop: truth } ]\n"
        "- stop: none"
    )
    given: list[Any] = [1, True, 1.0, "1", None]
    assert [ended(first(flow, raw={"x": value})).reason for value in given] == [
        "number",
        "truth",
        "number",
        "none",
        "none",
    ]
    dead = ended(first(flow, raw={"x": [1]}))
    assert (dead.outcome, dead.code) == (Outcome.DEAD, ErrorCode.EXPRESSION_FAILED)


def test_set_gives_names_to_values_at_once() -> None:
    """All values of a `set` see what was before it."""
    flow = compiled("- set: { a: 1, b: 2 }\n- set: { a: '${ b }', b: '${ a }' }\n" + CALL)
    outputs = acted(first(flow)).request.run.outputs
    assert (outputs["a"], outputs["b"]) == (2, 1)


def test_a_key_of_its_own() -> None:
    """`key` names the entity whose order the run keeps; without it, it is the event's subject."""
    assert begin(compiled(CALL, head="key: ${ trigger.id }\n"), event()).key == "7"
    assert begin(compiled(CALL, head="key: order ${ trigger.id }\n"), event()).key == "order 7"
    assert begin(compiled(CALL, head="key: ${ trigger.lines.size() }\n"), event()).key == "1"
    assert begin(compiled(CALL), event()).key == "ana"


def test_a_key_that_fails_ends_the_run() -> None:
    """Beginning never fails: the run keeps the subject, and its first advance tells why it is dead."""
    flow = compiled(CALL, head="key: ${ trigger.notes['k'] }\n")
    run = begin(flow, event(notes={}))
    end = ended(advance(flow, run))
    assert (run.key, end.outcome, end.code, end.step) == ("ana", Outcome.DEAD, ErrorCode.EXPRESSION_FAILED, "key")


def test_ids_are_the_same_on_every_replay_and_on_no_other_run() -> None:
    """The run's id follows from flow, version and event; an effect's from run and step path."""
    flow, other = compiled(CALL), compiled(CALL + STOP)
    act, again = acted(first(flow)), acted(first(flow))
    assert act.request == again.request
    assert act.request.run.id == stable_id("tried", flow.version, "default", "/shop", "e-1")
    assert act.request.effect_id == stable_id(act.request.run.id, "0")
    assert acted(first(other)).request.effect_id != act.request.effect_id


def test_a_run_that_comes_again_asks_for_the_same_call() -> None:
    """A run at an action without an answer is a replay: the same request with the same id."""
    flow = compiled(PHONE + CALL + SMS)
    act = acted(first(flow))
    assert acted(advance(flow, over_kafka(act.request.run), now=NOW)).request.effect_id == act.request.effect_id


def test_advance_does_not_change_the_run() -> None:
    """What was given stays as it was."""
    flow = compiled(PHONE + CALL + SMS)
    run = begin(flow, event())
    before = run.to_bytes()
    act = acted(advance(flow, run, now=NOW))
    assert run.to_bytes() == before
    between = act.request.run.to_bytes()
    go_on(flow, act, {"status": 200})
    assert act.request.run.to_bytes() == between


def test_a_need_is_asked_and_the_tool_goes_on_with_its_answers() -> None:
    """The tool runs anew with the answers so far, until it needs nothing more."""
    flow = compiled("- id: turn\n  tool: rotate\n  with: { list: sales }\n" + CALL)
    ask = first(flow)
    assert isinstance(ask, Ask)
    assert (ask.need, ask.run.at, ask.answers) == (Turn("sales"), "0", ())
    second = advance(flow, ask.run, answers=("ana",))
    assert isinstance(second, Ask)
    assert (second.need, second.answers) == (Turn("sales-2"), ("ana",))
    act = acted(advance(flow, over_kafka(second.run), answers=("ana", "rui"), now=NOW))
    assert act.request.run.outputs["turn"] == {"first": "ana", "second": "rui"}


def test_answers_belong_to_one_tool() -> None:
    """The next tool that needs something asks for itself."""
    flow = compiled("- id: a\n  tool: rotate\n  with: { list: x }\n- id: b\n  tool: rotate\n  with: { list: y }\n")
    ask = first(flow)
    assert isinstance(ask, Ask)
    following = advance(flow, ask.run, answers=("1", "2"))
    assert isinstance(following, Ask)
    assert (following.need, following.run.at, following.run.outputs["a"]) == (
        Turn("y"),
        "1",
        {"first": "1", "second": "2"},
    )


def test_a_tool_that_cannot_do_its_work_ends_the_run() -> None:
    """ToolError is TOOL_FAILED, with the tool's text for the author."""
    end = ended(first(compiled(PHONE + CALL), **{"from": "never"}))
    assert (end.outcome, end.code, end.step) == (Outcome.DEAD, ErrorCode.TOOL_FAILED, "0")
    assert end.reason == "this number cannot be formatted"


def test_a_bug_in_a_tool_is_a_dead_letter_that_says_so() -> None:
    """Nothing raises out of `advance`."""
    end = ended(first(compiled(PHONE + CALL), **{"from": "boom"}))
    assert (end.outcome, end.code, end.step) == (Outcome.DEAD, ErrorCode.BUG, "0")
    assert end.reason == "RuntimeError: the tool has a bug"


def test_a_bug_is_not_passed_over() -> None:
    """`on_error` is for failures that a flow can foresee."""
    assert ended(first(compiled(PHONE + "  on_error: continue\n" + CALL), **{"from": "boom"})).code is ErrorCode.BUG


def test_a_tool_that_waits_for_anything_but_a_need_is_a_bug() -> None:
    """There is no event loop in `advance`."""

    async def sleepy(inputs: FormatIn) -> FormatOut:
        await asyncio.sleep(0)
        return FormatOut(valid=bool(inputs))

    tools = {"phone.format": Tool("phone.format", "Sleeps.", FormatIn, FormatOut, sleepy)}
    flow = compile_flow(source(flow_text(PHONE)), tools)
    end = ended(first(flow))
    assert end.code is ErrorCode.BUG
    assert "awaits needs only" in (end.reason or "")


def test_an_input_of_the_wrong_type_names_the_input_and_not_its_value() -> None:
    """Values may be personal data; the name and the rule are enough for the author."""
    flow = compiled('- tool: phone.format\n  with: { number: "${ trigger.raw.secret }" }')
    end = ended(first(flow, raw={"secret": {"card": "4711"}}))
    assert (end.code, end.step) == (ErrorCode.INPUT_INVALID, "0")
    assert "`number`" in (end.reason or "")
    assert "4711" not in (end.reason or "")


def test_an_expression_that_fails_says_what_was_missing() -> None:
    """EXPRESSION_FAILED, with the name that was not there."""
    end = ended(first(compiled('- stop: "${ trigger.raw.a.b }"')))
    assert (end.outcome, end.code, end.step) == (Outcome.DEAD, ErrorCode.EXPRESSION_FAILED, "0")
    assert "'a'" in (end.reason or "")


def test_a_condition_that_is_no_truth_value_ends_the_run() -> None:
    """What types could not prove is found when it comes."""
    end = ended(first(compiled("- if: ${ trigger.raw.x }\n  then: [ { stop: a } ]"), raw={"x": "yes"}))
    assert end.code is ErrorCode.EXPRESSION_FAILED


@pytest.mark.parametrize(
    ("data", "code"), [({"from": "never"}, ErrorCode.TOOL_FAILED), ({"from": 5}, ErrorCode.INPUT_INVALID)]
)
def test_on_error_continue_goes_on_and_keeps_the_error(data: dict[str, Any], code: ErrorCode) -> None:
    """The failure is in `errors` under the step's id, and expressions see it."""
    flow = compiled(
        PHONE
        + "  on_error: continue\n- if: ${ has(errors.phone) }\n  then:\n    - stop: failed ${ errors.phone.code }\n"
    )
    end = ended(first(flow, **data))
    assert (end.outcome, end.reason) == (Outcome.FILTERED, f"failed {code}")
    assert end.run.errors["phone"].code is code
    assert ended(first(flow)).outcome is Outcome.DELIVERED


def test_on_error_can_be_steps() -> None:
    """They run in place of the failed step; then the flow goes on after it."""
    flow = compiled(PHONE + "  on_error:\n    - set: { why: '${ errors.phone.cause }' }\n" + CALL)
    act = acted(first(flow, **{"from": "never"}))
    assert act.request.step == "1"
    assert act.request.run.outputs["why"] == "this number cannot be formatted"


def test_a_failed_call_ends_the_run_unless_the_flow_goes_on() -> None:
    """The error of the answer is the end's; with `on_error`, services/actions is asked to send it back."""
    flow = compiled(CALL + SMS.replace("${ phone.e164 }", "+351912345678"))
    act = acted(first(flow))
    end = ended(go_on(flow, act, error=FAILED))
    assert (end.outcome, end.code, end.reason, end.step) == (Outcome.DEAD, FAILED.code, FAILED.cause, "0")
    patient = compiled(
        CALL + "  on_error: continue\n" + '- stop: "${ has(errors.call) ? errors.call.cause : string(call.status) }"'
    )
    act = acted(first(patient))
    assert act.request.resume_on_error
    assert ended(go_on(patient, act, error=FAILED)).reason == FAILED.cause
    assert ended(go_on(patient, act, {"status": 200})).reason == "200"


@pytest.mark.parametrize(("code", "counts"), [(None, 1), (ErrorCode.CALL_REJECTED, 0), (ErrorCode.CALL_LOST, 1)])
def test_a_run_counts_the_calls_that_were_done_or_may_have_been(code: ErrorCode | None, counts: int) -> None:
    """All of them, to its end: a run that dies after one keeps what it claimed, so that nobody gets a second mail."""
    error = None if code is None else StepError(code=code, cause="why")
    patient = CALL + "  on_error: continue\n"
    flow = compiled(patient + patient.replace("id: call", "id: again") + CALL.replace("id: call", "id: last"))
    one = acted(first(flow))
    assert one.request.run.done == 0
    two = acted(go_on(flow, one, error=error))
    assert two.request.run.done == counts
    three = acted(go_on(flow, two, {"status": 200}))
    assert three.request.run.done == counts + 1
    assert ended(go_on(flow, three, error=error)).run.done == counts * 2 + 1


def test_an_error_of_a_step_without_id_is_kept_under_its_path() -> None:
    """So that history shows it."""
    flow = compiled(CALL.replace("- id: call\n  ", "- ") + "  on_error: continue\n")
    assert list(ended(go_on(flow, acted(first(flow)), error=FAILED)).run.errors) == ["0"]


def test_retry_and_timeout_go_with_the_request() -> None:
    """What the flow does not say has the contract's default."""
    request = acted(first(compiled(CALL + "  retry: { attempts: 8, within: 2d }\n  timeout: 1.5s"))).request
    assert (request.retry.attempts, request.retry.within_seconds, request.timeout_seconds) == (8, 172_800.0, 1.5)
    plain = acted(first(compiled(CALL + "  retry: { within: 1h }"))).request
    assert (plain.retry.attempts, plain.retry.within_seconds, plain.timeout_seconds) == (5, 3600.0, None)


def test_a_schedule_goes_with_the_request() -> None:
    """Its length says how often; it ends where it ends, or where the flow says."""
    retry = acted(first(compiled(CALL + "  retry: { schedule: [10s, 1m] }"))).request.retry
    assert (retry.schedule_seconds, retry.attempts, retry.within_seconds) == ([10, 60], 3, TEN_YEARS)
    ended = acted(first(compiled(CALL + "  retry: { schedule: [10s, 1m], within: 30s }"))).request.retry
    assert (ended.attempts, ended.within_seconds) == (3, 30)


def test_a_flows_priority_goes_with_the_request() -> None:
    """Its share where flows wait for one connection; it changes the flow's version, as all that it says does."""
    plain = compiled(CALL)
    assert acted(first(plain)).request.priority is Priority.NORMAL
    for priority in Priority:
        found = compiled(CALL, head=f"priority: {priority.value}\n")
        assert acted(first(found)).request.priority is priority
        assert found.version != plain.version


@pytest.mark.parametrize("changed", [{"step": "1"}, {"effect_id": "0" * 32}])
def test_an_answer_that_nobody_asked_for_is_refused(changed: dict[str, str]) -> None:
    """An answer of another step, or of another run, is not taken for this one's."""
    flow = compiled(CALL + CALL.replace("id: call", "id: again"))
    act = acted(first(flow))
    end = ended(advance(flow, act.request.run, answer=answer_to(act).model_copy(update=changed)))
    assert (end.outcome, end.code) == (Outcome.DEAD, ErrorCode.RUN_INVALID)


def test_a_run_at_a_step_that_is_none_is_refused() -> None:
    """A message that someone else wrote."""
    flow = compiled(CALL)
    run = begin(flow, event()).model_copy(update={"at": "9.then.0"})
    assert ended(advance(flow, run)).code is ErrorCode.RUN_INVALID


def test_a_step_that_did_not_run_is_an_empty_output() -> None:
    """has() is false and `.?` is empty, instead of an error."""
    flow = compiled(
        "- if: ${ trigger.paid }\n  then:\n    - id: phone\n      tool: phone.format\n"
        '      with: { number: "${ trigger.from }" }\n'
        '- stop: "${ has(phone.e164) ? phone.e164 : phone.?e164.orValue(trigger.id) }"'
    )
    assert ended(first(flow, paid=True)).reason == "+351912345678"
    assert ended(first(flow, paid=False)).reason == "7"


def test_an_empty_optional_leaves_its_key_out() -> None:
    """In maps and in lists, so that a request holds no nulls that nobody meant."""
    flow = compiled(
        "- action: http.call\n"
        '  with: { method: GET, url: /, json: { phone: "${ trigger.?phone }", list: ["${ trigger.?phone }", 1] } }'
    )
    assert acted(first(flow)).request.inputs["json"] == {"list": [1]}
    assert acted(first(flow, phone="1")).request.inputs["json"] == {"phone": "1", "list": ["1", 1]}


def test_whole_expressions_keep_their_type_and_texts_are_texts() -> None:
    """`${ x }` alone is x; with text around it, it is part of a text."""
    flow = compiled(
        "- action: http.call\n  with:\n    method: GET\n    url: /\n    json:\n"
        "      list: ${ trigger.tags }\n      number: ${ trigger.total }\n      truth: ${ trigger.paid }\n"
        "      text: n ${ trigger.total } ${ trigger.paid } ${ 2.0 } ${ 3 }\n"
        "      object: '${ trigger.lines.size() > 0 ? dyn(trigger.lines[0]) : dyn(0) }'\n"
        "      block: |\n        ${ trigger.total * 2.0 }\n      plain: $${ 5 }\n"
        "      time: ${ timestamp(event.time) + duration('30m') }\n      length: ${ duration('90m') }\n"
        "      none: null\n"
    )
    made = acted(first(flow)).request.inputs["json"]
    assert made == {
        "list": ["new"],
        "number": 12.5,
        "truth": True,
        "text": "n 12.5 true 2 3",
        "object": {"article": "book", "count": 2},
        "block": 25.0,
        "plain": "${ 5 }",
        "time": "2026-05-31T15:00:00Z",
        "length": "5400s",
        "none": None,
    }


def test_a_request_survives_kafka() -> None:
    """Everything in it is JSON, in the same order every time."""
    flow = compiled(
        PHONE + "- action: http.call\n  with: { method: GET, url: /, json: \"${ {'b': trigger.lines, 'a': null} }\" }"
    )
    bytes_of = {acted(first(flow)).request.to_bytes() for _ in range(20)}
    assert len(bytes_of) == 1
    assert list(json.loads(bytes_of.pop())["inputs"]["json"]) == ["a", "b"]
