"""`advance` is a function: the same run and answers give the same result, whatever the event and the answers hold."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.runs import Answer, Outcome, Run, StepError, Wake
from services.flows.advance import advance, begin
from services.flows.cel import EvaluationError, compiled, evaluate, untyped
from services.flows.compile_values import compile_expression
from services.flows.outcomes import Act, Ask, End, Next, Sleep
from services.flows.scope import Scope
from services.flows.syntax import Expression
from services.runtime.documents.locations import Location, TextOrigin
from tests.support.flows import NOW
from tests.support.flows import compiled as compiled_flow

FLOW = compiled_flow(
    """
- id: phone
  tool: phone.format
  with: { number: "${ trigger.from }" }
  on_error: continue
- id: turn
  tool: rotate
  with: { list: sales }
- switch: ${ trigger.raw.kind }
  cases:
    a: [ { stop: "a ${ trigger.raw.why }" } ]
    1: [ { set: { chosen: 1 } } ]
- if: ${ has(trigger.phone) }
  then:
    - id: call
      action: http.call
      with: { method: POST, url: "/${ trigger.id }", json: { all: "${ trigger.raw }", turn: "${ turn.first }" } }
      on_error:
        - set: { why: "${ errors.call.cause }" }
- wait: 1h
  cancel_on: { trigger: shop.ordered, key: "${ trigger.id }", then: continue }
- id: last
  action: http.call
  with: { method: GET, url: /, json: "${ trigger.lines.map(l, l.article + trigger.id) }" }
- if: ${ last.json.again }
  then:
    - stop: again
""",
    head="key: ${ trigger.id }\n",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
DATA = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text(max_size=3) | JSON,
        "from": st.sampled_from(["912 345 678", "never", "boom"]) | JSON,
        "phone": JSON,
        "lines": st.lists(st.fixed_dictionaries({"article": st.text(max_size=3)}), max_size=2) | JSON,
        "raw": st.fixed_dictionaries({"kind": st.sampled_from(["a", 1, "x"]) | JSON}, optional={"why": JSON}) | JSON,
    },
)
ANSWERS = st.fixed_dictionaries({}, optional={"status": st.integers(), "json": JSON}) | st.none()


def to_the_end(run: Run, given_answers: list[Any]) -> list[Next]:
    """Every result on the way of a run, with each answer in turn."""
    results: list[Next] = []
    result = advance(FLOW, run, now=NOW)
    while not isinstance(result, End):
        results.append(result)
        if isinstance(result, Ask):
            result = advance(FLOW, result.run, answers=(*result.answers, "ana"), now=NOW)
            continue
        if isinstance(result, Sleep):
            wake = Wake(timer=result.timer, due=result.until)
            result = advance(FLOW, result.run, wake=wake, now=NOW)
            continue
        outputs = given_answers.pop(0) if given_answers else {}
        error = StepError(code=ErrorCode.CALL_REJECTED, cause="no") if outputs is None else None
        request = result.request
        answer = Answer(effect_id=request.effect_id, step=request.step, outputs=outputs or {}, error=error)
        result = advance(FLOW, request.run, answer=answer, now=NOW)
    return [*results, result]


@given(DATA, st.lists(ANSWERS, max_size=2))
def test_a_replay_is_the_same(data: dict[str, Any], answers: list[Any]) -> None:
    """Same event, same answers: same requests, same ids, same end. Nothing raises, and the run always ends."""
    event = Event(id="e", source="/s", type="shop.ordered", subject="ana", time=NOW, data=data)
    one = to_the_end(begin(FLOW, event), list(answers))
    two = to_the_end(begin(FLOW, event), list(answers))
    assert repr(one) == repr(two)
    effects = [result.request.effect_id for result in one if isinstance(result, Act)]
    assert len(set(effects)) == len(effects)
    end = one[-1]
    assert isinstance(end, End)
    assert (end.outcome is Outcome.DEAD) == (end.code is not None)
    assert end.code is not ErrorCode.BUG or data.get("from") == "boom"


# Without NUL, as all that a run holds: tests/unit/flows/test_nul_characters.py.
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=2)
PATHS = ["trigger.a", "trigger.a.b", "trigger.a.b.c", "step.a", "step.a.b", "step"]


@given(
    st.sampled_from(PATHS),
    st.dictionaries(
        st.sampled_from("abc"),
        st.recursive(
            TEXTS | st.booleans() | st.integers(0, 9),
            lambda x: st.dictionaries(st.sampled_from("abc"), x, max_size=2),
        ),
        max_size=3,
    ),
)
def test_a_path_is_looked_up_as_cel_would(path: str, data: dict[str, Any]) -> None:
    """The short way of `values` gives what CEL gives, and fails where CEL fails."""
    env = untyped(frozenset({"trigger", "step"}))
    event = Event(id="e", source="/s", type="t", subject="x", time=NOW, data=data)
    looked_up = compile_expression(Expression(path, TextOrigin((Location(1, 1),))), env)
    try:
        expected = evaluate(compiled(env, path), {"trigger": data, "step": data})
    except EvaluationError:
        expected = EvaluationError
    try:
        found = looked_up(Scope(event, {"step": data}, {}, {}))
    except EvaluationError:
        found = EvaluationError
    assert found == expected
