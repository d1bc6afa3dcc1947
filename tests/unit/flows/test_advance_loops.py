"""`for_each` as it runs: in order, one round after the other, each with its own effects, waits and needs."""

from __future__ import annotations

from contracts.errors import ErrorCode
from contracts.ids import stable_id
from contracts.runs import Answer, EndedBy, Outcome, Run, StepError, Wake
from services.flows.advance import advance
from services.flows.iterations import at_of, iterations_of, path_of
from services.flows.outcomes import Act, Ask, End, Next, Sleep
from tests.support.flows import NOW, Turn, compiled, first

LINES = [{"article": name, "count": count} for name, count in (("book", 2), ("pen", 1), ("cup", 3))]
LOOP = """
- set: { sum: 0 }
- for_each: ${ trigger.lines }
  as: line
  limit: 3
  do:
    - if: ${ line.count > 1 }
      then:
        - id: call
          action: http.call
          with: { method: POST, url: "/${ line.article }" }
          on_error: continue
    - set: { sum: "${ sum + (has(call.status) ? line.count : 0) }" }
- stop: ${ string(sum) }
"""
FLOW = compiled(LOOP)


def carried(run: Run) -> Run:
    """The run as it comes out of its message."""
    return Run.model_validate_json(run.model_dump_json())


def answered(given: Next, error: StepError | None = None) -> Next:
    """What comes after the answer to a call."""
    assert isinstance(given, Act)
    request = given.request
    outputs = {} if error else {"status": 200, "json": None}
    answer = Answer(effect_id=request.effect_id, step=request.step, outputs=outputs, error=error)
    return advance(FLOW, carried(request.run), answer=answer, now=NOW)


def test_rounds_come_in_order_and_each_has_its_own_effect() -> None:
    """The second item needs no call. The run carries the items; behind the loop nothing of it is left."""
    one = first(FLOW, lines=LINES)
    assert isinstance(one, Act)
    assert (one.request.step, one.request.inputs["url"], one.request.last) == ("1[0].do.0.then.0", "/book", False)
    assert one.request.effect_id == stable_id(one.request.run.id, "1[0].do.0.then.0")
    assert one.request.run.loops == {"1": LINES}
    two = answered(one)
    assert isinstance(two, Act)
    assert (two.request.step, two.request.inputs["url"]) == ("1[2].do.0.then.0", "/cup")
    assert two.request.effect_id != one.request.effect_id
    end = answered(two)
    assert isinstance(end, End)
    assert (end.outcome, end.reason, end.step) == (Outcome.FILTERED, "5", "2")
    assert (end.run.outputs, end.run.loops) == ({"sum": 5}, {})


def test_what_failed_in_one_round_is_no_failure_in_the_next() -> None:
    """Outputs and errors are those of the round."""
    failed = answered(first(FLOW, lines=LINES), StepError(code=ErrorCode.CALL_REJECTED, cause="no"))
    assert isinstance(failed, Act)
    assert failed.request.run.errors == {}
    end = answered(failed)
    assert isinstance(end, End)
    assert end.reason == "3"


def test_an_answer_of_another_round_is_refused() -> None:
    """It would be that of another effect."""
    one = first(FLOW, lines=LINES)
    assert isinstance(one, Act)
    answer = Answer(effect_id=one.request.effect_id, step="1[2].do.0.then.0", outputs={"status": 200})
    end = advance(FLOW, one.request.run, answer=answer, now=NOW)
    assert isinstance(end, End)
    assert (end.outcome, end.code) == (Outcome.DEAD, ErrorCode.RUN_INVALID)


def test_no_item_is_no_round_and_too_many_are_none_either() -> None:
    """An empty list goes on behind the loop; a list over the limit ends the run before anything is done."""
    end = first(FLOW, lines=[])
    assert isinstance(end, End)
    assert (end.outcome, end.reason) == (Outcome.FILTERED, "0")
    end = first(FLOW, lines=LINES + LINES)
    assert isinstance(end, End)
    assert (end.outcome, end.code, end.step) == (Outcome.DEAD, ErrorCode.EXPRESSION_FAILED, "1")
    assert end.reason == "`for_each` has 6 items and `limit` is 3: nothing was done"
    any_value = compiled("- for_each: ${ trigger.raw.list }\n  do: [ { stop: a } ]")
    end = first(any_value, raw={"list": "a text"})
    assert isinstance(end, End)
    assert (end.outcome, end.reason) == (Outcome.DEAD, "`for_each` goes over a list, this is none")


def test_needs_and_waits_of_a_round_stand_in_it() -> None:
    """A claim or a timer is named by run and step: each round has its own."""
    flow = compiled(
        "- for_each: [1, 2]\n  do:\n    - id: turn\n      tool: rotate\n      with: { list: a }\n    - wait: 1h\n"
    )
    asked = first(flow)
    assert isinstance(asked, Ask)
    assert (asked.run.at, asked.need) == ("0[0].do.0", Turn("a"))
    timers = []
    given: Next = asked
    for number in range(2):
        assert isinstance(given, Ask)
        given = advance(flow, carried(given.run), answers=("ana", "rui"), now=NOW)
        assert isinstance(given, Sleep)
        assert given.run.at == f"0[{number}].do.1"
        timers.append(given.timer)
        wake = Wake(timer=given.timer, due=given.until, by=EndedBy.TIME)
        given = advance(flow, carried(given.run), wake=wake, now=NOW)
    assert isinstance(given, End)
    assert given.outcome is Outcome.DELIVERED
    assert len(set(timers)) == 2


def test_loops_inside_each_other() -> None:
    """The inner one begins anew in every round of the outer one."""
    flow = compiled(
        "- set: { told: '' }\n- for_each: ${ trigger.lines }\n  limit: 10\n  do:\n    - for_each: ${ trigger.tags }\n"
        "      as: tag\n      limit: 10\n      do:\n        - set: { told: '${ told + item.article + tag + \" \" }' }\n"
        "- stop: ${ told }\n"
    )
    end = first(flow, lines=LINES[:2], tags=["a", "b"])
    assert isinstance(end, End)
    assert end.reason == "booka bookb pena penb "


def test_paths_of_rounds() -> None:
    """There and back."""
    at = "2[3].do.1.then.0[12].do.0"
    assert path_of(at) == "2.do.1.then.0.do.0"
    assert iterations_of(at) == {"2": 3, "2.do.1.then.0": 12}
    assert at_of(path_of(at), iterations_of(at)) == at
    assert (path_of("2.then.0"), iterations_of("2"), at_of("2.then.0", {"1": 4})) == ("2.then.0", {}, "2.then.0")
