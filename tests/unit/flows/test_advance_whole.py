"""The whole of what `advance` gives for each kind of step: its end or request field by field, and the way it tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.actions import LONGEST_WAIT_SECONDS, ActionRequest, Priority, Retry
from contracts.errors import ErrorCode
from contracts.ids import stable_id
from contracts.runs import Answer, EndedBy, Run, StepError, Wake
from services.flows.advance import advance, begin
from services.flows.catalogue import BaseInputs, StopRun, Tool
from services.flows.compile import CompiledFlow, compile_flow
from services.flows.needs import Pause
from services.flows.outcomes import Act, Ask, End, Next, Sleep
from services.flows.sync import Write
from services.flows.waiting import timer_id
from tests.support.flows import NOW, TOOLS, FormatIn, FormatOut, compiled, event, flow_text, source

PHONE = '- id: phone\n  tool: phone.format\n  with: { number: "${ trigger.from }" }\n'
CALL = "- id: call\n  action: http.call\n  with: { method: POST, url: / }\n"
CANCEL = "  cancel_on: { trigger: shop.ordered, key: '${ trigger.from }'%s }\n"
REJECTED = StepError(code=ErrorCode.CALL_REJECTED, cause="HTTP 404", attempts=3)


class Played:
    """A run that is played to its next stop, and the way that it tells of."""

    def __init__(self, flow: CompiledFlow, run: Run | None = None, **data: Any) -> None:
        self.flow = flow
        self.run = run or begin(flow, event(**data))
        self.way: list[tuple[str, str]] = []
        self.given: Next = self.go()

    def go(self, **more: Any) -> Next:
        """On with an answer, answers, or a wake."""
        self.given = advance(self.flow, self.run, now=NOW, trace=lambda *told: self.way.append(told), **more)
        return self.given

    def answered(self, outputs: dict[str, Any] | None = None, error: StepError | None = None) -> Next:
        """On with the answer to the call."""
        assert isinstance(self.given, Act), self.given
        request = self.given.request
        self.run = Run.model_validate_json(request.run.to_bytes())
        answer = Answer(effect_id=request.effect_id, step=request.step, outputs=outputs or {}, error=error)
        return self.go(answer=answer)

    def woken(self, by: EndedBy = EndedBy.TIME, why: str | None = None) -> Next:
        """On with the end of the wait."""
        assert isinstance(self.given, Sleep), self.given
        self.run = Run.model_validate_json(self.given.run.to_bytes())
        return self.go(wake=Wake(timer=self.given.timer, due=self.given.until, by=by, why=why))


def told(given: Next) -> tuple[str, str | None, str | None, str | None]:
    """Of an end: outcome, code, reason, step."""
    assert isinstance(given, End), given
    return given.outcome.value, given.code and given.code.value, given.reason, given.step


def test_a_run_begins_with_all_that_is_known() -> None:
    """And with nothing done; its calls count on keys only where they are declared."""
    flow = compiled(PHONE)
    happened = event()
    run = begin(flow, happened)
    assert run == Run(
        id=stable_id("tried", flow.version, "default", "/shop", "e-1"),
        flow="tried",
        version=flow.version,
        event=happened,
        key="ana",
        keys_declared=True,
    )
    other = happened.model_copy(update={"account": "acme", "occurrence": "x"})
    assert begin(flow, other).id == stable_id("tried", flow.version, "acme", "/shop", other.happening)


@pytest.mark.parametrize(
    ("key", "raw", "expected"),
    [
        ("${ trigger.id }", {}, "7"),
        ("${ trigger.raw.k }", {"k": 5}, "5"),
        ("${ trigger.raw.k }", {"k": 0}, "0"),
        ("${ trigger.raw.k }", {"k": True}, None),
        ("${ trigger.raw.k }", {"k": 1.5}, None),
        ("${ trigger.raw.k }", {"k": ""}, "ana"),
        ("${ trigger.raw.k }", {"k": ["a"]}, None),
        ("${ trigger.raw.k }", {"k": None}, None),
    ],
)
def test_a_key_is_a_text_or_a_whole_number(key: str, raw: dict[str, Any], expected: str | None) -> None:
    """An empty one counts as absent. Of anything else the run keeps its subject, and ends before its first step."""
    played = Played(compiled(PHONE, head=f"key: {key}\n"), raw=raw)
    assert played.run.key == (expected or "ana")
    if expected is None:
        why = "`key`: it gave no text: a key is a text"
        assert told(played.given) == ("dead", "expression_failed", why, "key")
        assert played.way == []
    else:
        assert told(played.given) == ("delivered", None, None, None)


def test_when_is_told() -> None:
    """Which way it went; what it cannot say ends the run there."""
    flow = compiled(PHONE, head="when: ${ trigger.paid }\n")
    played = Played(flow)
    assert told(played.given) == ("delivered", None, None, None)
    assert played.way == [("when", "true"), ("0", "")]
    played = Played(flow, paid=False)
    assert told(played.given) == ("filtered", None, "`when` is not true", "when")
    assert isinstance(played.given, End)
    assert played.given.run == played.run
    assert played.way == [("when", "false")]
    flow = compiled(PHONE, head="when: ${ trigger.raw.x }\n")
    played = Played(flow)
    outcome, code, reason, step = told(played.given)
    assert (outcome, code, str(reason).partition(":")[0], step) == ("dead", "expression_failed", "`when`", "when")


def test_a_run_at_no_step_of_its_flow_is_dead() -> None:
    """It says which; a path that a round is in, too."""
    flow = compiled(PHONE)
    for at in ("7", "0[2].do.0"):
        run = begin(flow, event()).model_copy(update={"at": at})
        why = f"this version of the flow has no step {at!r}"
        assert told(Played(flow, run).given) == ("dead", "run_invalid", why, at)


def test_an_answer_or_a_wake_that_nobody_waits_for_is_dead() -> None:
    """Before the first step, at a step that asks for nothing, of another effect."""
    flow = compiled(CALL + PHONE)
    run = begin(flow, event())
    answer = Answer(effect_id=stable_id(run.id, "0"), step="0")
    for at, given in (("0", replace_id(answer)), ("1", answer.model_copy(update={"step": "1"})), ("1", answer)):
        end = advance(flow, run.model_copy(update={"at": at}), answer=given, now=NOW)
        why = f"an answer came that step {at!r} did not ask for"
        assert told(end) == ("dead", "run_invalid", why, at)
        assert isinstance(end, End)
        assert end.run.done == 0
    end = advance(flow, run.model_copy(update={"at": "0"}), wake=Wake(timer="t", due=NOW), now=NOW)
    assert told(end) == ("dead", "run_invalid", "step '0' does not wait", "0")


def replace_id(answer: Answer) -> Answer:
    """An answer to another effect."""
    return answer.model_copy(update={"effect_id": "0" * 32})


def test_a_request_says_all_that_the_call_needs() -> None:
    """And what the call will set, as the flow says it; the run in it stands at the step."""
    steps = (
        "- set: { x: 1 }\n- id: call\n  action: http.call\n  connection: gateway\n"
        '  with: { method: POST, url: /, json: "${ x }" }\n  retry: { attempts: 3, within: 1h }\n  timeout: 90s\n'
        "  writes:\n    system: crm\n    id: ${ trigger.id }\n    email: ${ trigger.raw.mail }\n"
        "    fields: { Name: '${ trigger.from }' }\n"
        "  on_error: continue\n"
    )
    flow = compiled(steps, head="priority: high\n")
    played = Played(flow, raw={"mail": ""})
    act = played.given
    assert isinstance(act, Act)
    request = act.request
    assert request == ActionRequest(
        effect_id=stable_id(played.run.id, "1"),
        action="http.call",
        connection="gateway",
        inputs={"method": "POST", "url": "/", "json": 1},
        retry=Retry(attempts=3, within_seconds=3600),
        timeout_seconds=90,
        step="1",
        name="call",
        last=True,
        priority=Priority.HIGH,
        resume_on_error=True,
        run=played.run.model_copy(update={"at": "1", "outputs": {"x": 1}}),
        requested=NOW,
    )
    assert act.write == Write("crm", {"id": "7"}, {"name": "912 345 678"})
    assert played.way == [("0", ""), ("1", "")]
    end = played.answered({"status": 200, "text": "a\x00b"})
    assert told(end) == ("delivered", None, None, None)
    assert isinstance(end, End)
    assert end.run == request.run.model_copy(
        update={"outputs": {"x": 1, "call": {"status": 200, "text": end.run.outputs["call"]["text"]}}, "done": 1}
    )
    assert "\x00" not in end.run.outputs["call"]["text"]
    assert played.way[2:] == [("1", "done")]


def test_a_request_of_few_words() -> None:
    """Nothing that is not said; a call after it makes it not the last."""
    played = Played(compiled("- action: http.call\n  with: { method: GET, url: / }\n" + PHONE))
    act = played.given
    assert isinstance(act, Act)
    request = act.request
    assert (request.connection, request.timeout_seconds, request.name) == (None, None, None)
    assert (request.last, request.resume_on_error, request.retry) == (False, False, Retry())
    assert request.priority is Priority.NORMAL
    assert act.write is None
    end = played.answered({"status": 200})
    assert isinstance(end, End)
    assert set(end.run.outputs) == {"phone"}
    assert played.way == [("0", ""), ("1", "")]


def test_a_schedule_is_what_the_flow_says() -> None:
    """In seconds, each wait; to the longest."""
    days = LONGEST_WAIT_SECONDS / 86_400
    flow = compiled(CALL + f"  retry: {{ schedule: [10s, 1m, {days:.0f}d], within: 4d }}\n")
    act = Played(flow).given
    assert isinstance(act, Act)
    assert act.request.retry == Retry(schedule_seconds=(10, 60, LONGEST_WAIT_SECONDS), within_seconds=345_600)


@pytest.mark.parametrize(
    ("writes", "expected"),
    [
        ("{ id: '${ trigger.raw.id }', fields: { a: b } }", None),
        ("{ id: '${ trigger.id }', fields: {} }", None),
        ("{ id: '${ trigger.lines.size() + 1 }', fields: { a: b } }", Write("gateway", {"id": "2"}, {"a": "b"})),
    ],
)
def test_what_has_no_name_or_sets_nothing_is_no_write(writes: str, expected: Write | None) -> None:
    """A name is a text, whatever it is in the event."""
    steps = f"- action: http.call\n  connection: gateway\n  with: {{ method: GET, url: / }}\n  writes: {writes}\n"
    act = Played(compiled(steps), raw={"id": ""}).given
    assert isinstance(act, Act)
    assert act.write == expected


@pytest.mark.parametrize(
    ("reaction", "expected", "way", "errors"),
    [
        ("", ("dead", "call_rejected", "HTTP 404", "0"), [("0", "")], {}),
        ("stop", ("dead", "call_rejected", "HTTP 404", "0"), [("0", "")], {}),
        ("continue", ("delivered", None, None, None), [("0", ""), ("0", "on_error"), ("1", "")], {"call": REJECTED}),
        (
            "[ { set: { a: '${ errors.call.cause }' } } ]",
            ("delivered", None, None, None),
            [("0", ""), ("0", "on_error"), ("0.on_error.0", ""), ("1", "")],
            {"call": REJECTED},
        ),
    ],
)
def test_a_call_that_failed(
    reaction: str, expected: object, way: list[tuple[str, str]], errors: dict[str, StepError]
) -> None:
    """The end, or the way on; the error is held as it came."""
    played = Played(compiled(CALL + (f"  on_error: {reaction}\n" if reaction else "") + "- set: { b: 1 }\n"))
    end = played.answered(error=REJECTED)
    assert told(end) == expected
    assert isinstance(end, End)
    assert (end.run.errors, end.run.done, played.way) == (errors, 0, way)
    assert "call" not in end.run.outputs


def test_a_tool_that_failed_is_held_with_its_code() -> None:
    """Where the flow goes on: under its name, or its place; the cause is cut."""
    for head, name in (("- id: phone\n  tool", "phone"), ("- tool", "0")):
        flow = compiled(f'{head}: phone.format\n  with: {{ number: "${{ trigger.from }}" }}\n  on_error: continue\n')
        data: dict[str, Any] = {"from": "never"}
        played = Played(flow, **data)
        end = played.given
        assert isinstance(end, End)
        assert end.run.errors == {name: StepError(code=ErrorCode.TOOL_FAILED, cause="this number cannot be formatted")}
        assert played.way == [("0", ""), ("0", "on_error")]
        played = Played(flow)
        assert played.way == [("0", ""), ("0", "done")]


async def _long(_: FormatIn) -> FormatOut:
    raise ValueError("x" * 900)


async def _filtering(_: FormatIn) -> FormatOut:
    raise StopRun("seen before")


def test_a_reason_is_cut_and_a_bug_keeps_its_stack() -> None:
    """500 characters; the error itself is for the log."""
    tools = {**TOOLS, "phone.format": Tool("phone.format", "Breaks.", FormatIn, FormatOut, _long)}
    end = Played(compile_flow(source(flow_text(PHONE)), tools)).given
    assert told(end) == ("dead", "bug", "ValueError: " + "x" * 488, "0")
    assert isinstance(end, End)
    assert isinstance(end.error, ValueError)
    tools = {**TOOLS, "phone.format": Tool("phone.format", "Stops.", FormatIn, FormatOut, _filtering)}
    assert told(Played(compile_flow(source(flow_text(PHONE)), tools)).given) == ("filtered", None, "seen before", "0")


def test_inputs_that_are_wrong_are_named() -> None:
    """Each with what is wrong, five at most; never their values."""

    class Seven(BaseInputs):
        """Seven numbers."""

        a: int
        b: int
        c: int
        d: list[int]
        e: int
        f: int

    async def nothing(_: Seven) -> FormatOut:
        return FormatOut(valid=True)

    tools = {**TOOLS, "seven": Tool("seven", "Takes.", Seven, FormatOut, nothing)}
    given = ", ".join(f"{name}: '${{ trigger.raw.x }}'" for name in "abcef")
    text = flow_text(f"- tool: seven\n  with: {{ {given}, d: [1, '${{ trigger.raw.x }}'] }}")
    end = Played(compile_flow(source(text), tools), raw={"x": "4711x"}).given
    wrong = "Input should be a valid integer, unable to parse string as an integer"
    why = "; ".join(f"`{name}`: {wrong}" for name in ("a", "b", "c", "d.1", "e"))
    assert told(end) == ("dead", "input_invalid", why, "0")


CASES = {"a": "a", "1": "'1'", "true": "t", "null": "n"}


def test_the_ways_of_choices_are_told() -> None:
    """`if` and `switch`: which way; a case is told as the flow writes it."""
    flow = compiled(
        "- if: ${ trigger.paid }\n  then: [ { set: { a: 1 } } ]\n  else: [ { set: { b: 1 } } ]\n- set: { c: 1 }\n"
    )
    assert Played(flow).way == [("0", ""), ("0", "then"), ("0.then.0", ""), ("1", "")]
    assert Played(flow, paid=False).way == [("0", ""), ("0", "else"), ("0.else.0", ""), ("1", "")]
    cases = "\n".join(f"    {key}: [ {{ set: {{ x: {x} }} }} ]" for key, x in CASES.items())
    flow = compiled(
        f"- switch: ${{ trigger.raw.x }}\n  cases:\n{cases}\n  default: [ {{ set: {{ x: d }} }} ]\n- stop: '${{ x }}'\n"
    )
    for value, way, path, x in (
        ("a", "case a", "0.cases.0.0", "a"),
        (1, "case 1", "0.cases.1.0", "1"),
        (1.0, "case 1.0", "0.cases.1.0", "1"),
        (True, "case true", "0.cases.2.0", "t"),
        (None, "case null", "0.cases.3.0", "n"),
        (False, "default", "0.default.0", "d"),
        ("1", "default", "0.default.0", "d"),
    ):
        played = Played(flow, raw={"x": value})
        assert told(played.given) == ("filtered", None, x, "1")
        assert played.way == [("0", ""), ("0", way), (path, ""), ("1", "")]
    nones: tuple[object, ...] = ([], {})
    for none in nones:
        why = "`switch` compares a text, a number, true or false, not a list or a map"
        assert told(Played(flow, raw={"x": none}).given) == ("dead", "expression_failed", why, "0")


def test_what_is_not_there_is_another_way() -> None:
    """A case without `default`: on behind it; an `if` without `else` too."""
    flow = compiled(
        "- switch: ${ trigger.id }\n  cases: { a: [ { stop: b } ] }\n"
        "- if: ${ !trigger.paid }\n  then: [ { stop: c } ]\n"
    )
    played = Played(flow)
    assert told(played.given) == ("delivered", None, None, None)
    assert played.way == [("0", ""), ("0", "default"), ("1", ""), ("1", "else")]


def test_a_reason_is_a_text() -> None:
    """Whatever the expression gives."""
    flow = compiled("- stop: ${ trigger.raw.x }\n")
    for value, reason in (("why", "why"), (5, "5"), (True, "True"), (["a"], "['a']")):
        assert told(Played(flow, raw={"x": value}).given) == ("filtered", None, reason, "0")


def test_a_wait_sleeps_and_its_ways_are_told() -> None:
    """Due, or cancelled; where nothing can end it, nothing is told."""
    played = Played(compiled("- wait: 2h\n- set: { a: 1 }\n"))
    sleep = played.given
    assert sleep == Sleep(
        played.run.model_copy(update={"at": "0"}), timer_id(played.run.id, "0"), NOW + timedelta(hours=2), None
    )
    assert told(played.woken()) == ("delivered", None, None, None)
    assert played.way == [("0", ""), ("1", "")]
    for then, by, why, expected, way in (
        ("", EndedBy.TIME, None, ("delivered", None, None, None), [("0", "due"), ("1", "")]),
        ("", EndedBy.EVENT, "it came", ("filtered", None, "it came", "0"), [("0", "cancelled")]),
        ("", EndedBy.EVENT, None, ("filtered", None, "cancelled", "0"), [("0", "cancelled")]),
        (
            ", then: continue",
            EndedBy.EVENT,
            "it came",
            ("delivered", None, None, None),
            [("0", "cancelled"), ("1", "")],
        ),
        (", then: continue", EndedBy.HAND, "by ana", ("filtered", None, "by ana", "0"), []),
        (", then: continue", EndedBy.HAND, None, ("filtered", None, "cancelled by hand", "0"), []),
    ):
        played = Played(compiled(f"- wait: 2h\n{CANCEL % then}- set: {{ a: 1 }}\n"))
        assert isinstance(played.given, Sleep)
        assert played.given.cancel is not None
        assert told(played.woken(by, why)) == expected
        assert played.way == [("0", ""), *way]


def test_one_wait_after_another_sleeps_anew() -> None:
    """The end of the first is not that of the second."""
    played = Played(compiled("- wait: 1h\n- wait: 2h\n- set: { a: 1 }\n"))
    second = played.woken()
    assert isinstance(second, Sleep)
    assert (second.run.at, second.until) == ("1", NOW + timedelta(hours=2))
    assert told(played.woken()) == ("delivered", None, None, None)
    assert played.way == [("0", ""), ("1", ""), ("2", "")]


async def _pausing(_: FormatIn) -> FormatOut:
    await Pause(NOW.timestamp() + 60)
    return FormatOut(valid=True)


def test_a_tool_that_pauses_is_one_step() -> None:
    """It is told once, wakes by the moment that it paused until, and another wake makes it pause again."""
    tools = {**TOOLS, "phone.format": Tool("phone.format", "Pauses.", FormatIn, FormatOut, _pausing)}
    played = Played(compile_flow(source(flow_text(PHONE + "- wait: 1h\n")), tools))
    moment = NOW + timedelta(seconds=60)
    sleep = played.given
    assert sleep == Sleep(
        played.run.model_copy(update={"at": "0"}), timer_id(played.run.id, "0", repr(moment.timestamp())), moment
    )
    assert isinstance(sleep, Sleep)
    early = Wake(timer=sleep.timer, due=moment - timedelta(seconds=1))
    again = advance(played.flow, sleep.run, wake=early, now=NOW)
    assert isinstance(again, Sleep)
    assert again.until == moment
    second = played.woken()
    assert isinstance(second, Sleep)
    assert second.run.outputs["phone"] == {"valid": True, "e164": ""}
    assert second.run.at == "1"
    assert played.way == [("0", ""), ("1", "")]


def test_a_need_is_asked_by_a_run_that_stands_at_its_step() -> None:
    """The step is told once, whatever it asks."""
    played = Played(compiled("- id: turn\n  tool: rotate\n  with: { list: a }\n  on_error: continue\n" + PHONE))
    ask = played.given
    assert isinstance(ask, Ask)
    assert ask.run == played.run.model_copy(update={"at": "0"})
    played.run = ask.run
    ask = played.go(answers=["ana"])
    assert isinstance(ask, Ask)
    assert ask.answers == ("ana",)
    end = played.go(answers=("ana", "rui"))
    assert told(end) == ("delivered", None, None, None)
    assert played.way == [("0", ""), ("0", "done"), ("1", "")]


def test_a_loop_tells_its_steps_and_leaves_nothing() -> None:
    """What is inside of a round, in each; behind it neither the item nor outputs, errors and items are left."""
    flow = compiled(
        "- set: { last: '' }\n- for_each: ${ trigger.tags }\n  do:\n"
        "    - id: phone\n      tool: phone.format\n      with: { number: '${ item }' }\n"
        "      on_error: continue\n    - set: { last: '${ item }' }\n- stop: '${ last }'\n"
    )
    played = Played(flow, tags=["never", "912345678"])
    end = played.given
    assert told(end) == ("filtered", None, "912345678", "2")
    assert isinstance(end, End)
    assert (end.run.outputs, end.run.errors, end.run.loops) == ({"last": "912345678"}, {}, {})
    failed, done = [("1.do.0", ""), ("1.do.0", "on_error")], [("1.do.0", ""), ("1.do.0", "done")]
    assert played.way == [("0", ""), ("1", ""), *failed, ("1.do.1", ""), *done, ("1.do.1", ""), ("2", "")]


def test_a_run_is_dated_by_the_clock_where_nobody_gives_a_moment() -> None:
    """Requests and waits, with a zone."""
    before = datetime.now(UTC)
    act = advance(compiled(CALL), begin(compiled(CALL), event()))
    assert isinstance(act, Act)
    assert before <= act.request.requested <= datetime.now(UTC)


def test_what_comes_next_leaves_the_given_run_as_it_was() -> None:
    """Outputs, errors, loops and calls: a batch that is done again begins with the same."""
    flow = compiled("- for_each: ${ trigger.tags }\n  do:\n    - id: call\n      action: http.call\n"
                    "      with: { method: GET, url: / }\n      on_error: continue\n")  # fmt: skip
    played = Played(flow, tags=["a", "b"])
    assert isinstance(played.given, Act)
    run = played.given.request.run.model_copy(deep=True)
    copy = run.model_copy(deep=True)
    answer = Answer(effect_id=played.given.request.effect_id, step="0[0].do.0", error=REJECTED)
    for _ in range(2):
        act = advance(flow, run, answer=answer, now=NOW)
        assert isinstance(act, Act)
        assert (act.request.step, act.request.run.done) == ("0[1].do.0", 0)
        assert run == copy
    maybe = answer.model_copy(update={"error": StepError(code=ErrorCode.CALL_LOST, cause="cut")})
    act = advance(flow, run, answer=maybe, now=NOW)
    assert isinstance(act, Act)
    assert (act.request.run.done, run.done) == (1, 0)


@pytest.mark.parametrize("declared", [None, True], ids=["of a release before", "of today"])
def test_a_run_keeps_the_rule_that_it_began_under(declared: bool | None) -> None:  # noqa: FBT001 - a table
    """Whether its calls count on keys that nobody declared, where it calls and where it ends."""
    for steps in (PHONE, CALL):
        flow = compiled(steps)
        after = advance(flow, begin(flow, event()).model_copy(update={"keys_declared": declared}))
        assert isinstance(after, Act | End)
        assert (after.request.run if isinstance(after, Act) else after.run).keys_declared is declared
