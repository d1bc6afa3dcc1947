"""What the checker takes evaluates: for every value that the declared schema takes, whichever way JSON writes it."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from contracts.errors import ErrorCode
from contracts.events import Event
from services.flows.advance import advance, begin
from services.flows.check import check
from services.flows.compile import CompiledFlow, compile_flow
from services.flows.declared_triggers import Declared, Places, declared
from services.flows.outcomes import End
from tests.support.flows import CATALOGUE, NOW, source

NUMBER, WHOLE, TEXT, BOOL = ({"type": kind} for kind in ("number", "integer", "string", "boolean"))
INNER = {"type": "object", "required": ["n"], "properties": {"n": NUMBER, "t": {"type": ["string", "null"]}}}
FIELDS: dict[str, dict[str, Any]] = {
    "i": WHOLE,
    "n": NUMBER,
    "s": TEXT,
    "b": BOOL,
    "maybe": NUMBER,
    "nullable": {"anyOf": [NUMBER, {"type": "null"}]},
    "o": INNER,
    "any": {},
    "wholes": {"type": "array", "items": WHOLE},
    "numbers": {"type": "array", "items": NUMBER},
    "objects": {"type": "array", "items": INNER},
    "map": {"type": "object", "additionalProperties": NUMBER},
}
NEEDED = [name for name in FIELDS if name != "maybe"]
ORDER = declared("webhook.shop", {"type": "object", "required": NEEDED, "properties": FIELDS}, Places(), {})
SHOP = type(CATALOGUE)({**CATALOGUE.triggers, "webhook.shop": ORDER}, CATALOGUE.tools, CATALOGUE.actions)

wholes = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 30)
numbers = st.floats(allow_nan=False, allow_infinity=False) | wholes | wholes.map(float)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "i": wholes | st.integers(-99, 99).map(float),
    "n": numbers,
    "s": st.text(max_size=5),
    "b": st.booleans(),
    "nullable": numbers | st.none(),
    "o": st.fixed_dictionaries({"n": numbers}, optional={"t": st.text(max_size=3) | st.none()}),
    "any": st.none() | st.dictionaries(st.sampled_from("ab"), st.none() | st.just({"b": None}) | st.just({})),
    "wholes": st.lists(wholes | st.integers(0, 9).map(float), max_size=3),
    "numbers": st.lists(numbers, max_size=3),
    "objects": st.lists(st.fixed_dictionaries({"n": numbers}, optional={"t": st.none()}), max_size=3),
    "map": st.dictionaries(st.sampled_from("ab"), numbers),
}
BODIES = st.fixed_dictionaries(VALUES, optional={"maybe": numbers})


def number(deeper: st.SearchStrategy[str], texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """An expression that may be a number."""
    return st.one_of(
        st.tuples(deeper, st.sampled_from("+-*/%"), deeper).map(lambda it: f"({it[0]} {it[1]} {it[2]})"),
        st.tuples(deeper, deeper, deeper).map(lambda it: f"({it[0]} > {it[1]} ? {it[2]} : {it[0]})"),
        st.tuples(st.sampled_from(["ceil", "floor", "round", "abs", "sign", "trunc"]), deeper).map(
            lambda it: f"math.{it[0]}({it[1]})"
        ),
        st.tuples(st.sampled_from(["greatest", "least"]), deeper, deeper).map(
            lambda it: f"math.{it[0]}({it[1]}, {it[2]})"
        ),
        st.tuples(st.sampled_from(["int", "double", "-"]), deeper).map(lambda it: f"{it[0]}({it[1]})"),
        st.tuples(deeper, deeper).map(lambda it: f"optional.of({it[0]}).orValue({it[1]})"),
        deeper.map(lambda it: f"trigger.numbers.map(v, v * {it}).size()"),
        texts.map(lambda it: f"size({it})"),
        st.tuples(texts, deeper).map(lambda it: f"{it[0]}.indexOf('a', {it[1]})"),
    )


LEAVES = """
    trigger.i trigger.n trigger.o.n 2 2.5 0 -1 trigger.?maybe.orValue(0) trigger.?nullable.orValue(1.5)
    trigger.any.?a.?b.orValue(1) trigger.map.?a.orValue(2) trigger.numbers.size() trigger.numbers[0]
    (trigger.numbers.size()>0?trigger.numbers[0]:1) trigger.wholes[?1].orValue(1) trigger.objects[0].n int(trigger.s)
    (has(trigger.objects[0].t)?trigger.objects[0].n:0) {'a':1}[trigger.s] {'a':1}[?trigger.s].orValue(2)
    trigger.s.split('a')[0].size() trigger.s.split('a')[1].size() (trigger.i!=0?10/trigger.i:0)
"""
NUMBERS = st.recursive(
    st.sampled_from(LEAVES.split()), lambda deeper: number(deeper, st.deferred(lambda: TEXTS)), max_leaves=6
)
TEXTS: st.SearchStrategy[str] = st.one_of(
    st.sampled_from(["trigger.s", "'a'", "trigger.o.?t.orValue('')"]),
    st.deferred(lambda: NUMBERS).map(lambda it: f"string({it})"),
    st.deferred(lambda: st.tuples(NUMBERS, NUMBERS)).map(lambda it: f"('%s %s'.format([{it[0]}, {it[1]}]))"),
)
LISTS = st.sampled_from(["trigger.wholes", "trigger.numbers", "[1, 2, 3]", "[1, 2.5]", "trigger.objects.map(o, o.n)"])
CONDITIONS = st.one_of(
    st.tuples(NUMBERS, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), NUMBERS).map(" ".join),
    st.tuples(NUMBERS, LISTS).map(" in ".join),
    st.tuples(LISTS, NUMBERS).map(lambda it: f"{it[0]}.exists(v, v > {it[1]})"),
    st.tuples(TEXTS, TEXTS).map(" == ".join),
    st.sampled_from(["has(trigger.any.a.b)", "has(trigger.o.t)", "trigger.objects.exists(o, has(o.t))", "trigger.b"]),
)
EXPRESSIONS = st.one_of(NUMBERS, TEXTS, CONDITIONS)


OURS = ("overload", "there is no", "unable to convert", "by zero", "out of bounds", "cannot convert")
"""What the checker should have told. Numbers that grow too large, and places within a text, it does not know."""


def taken(expression: str) -> CompiledFlow | None:
    """The flow that evaluates it; None where the checker refuses it."""
    found = source(f'flow: tried\non: webhook.shop\nsteps:\n  - set: {{ found: "${{ {expression} }}" }}\n')
    return None if found.faults or check([found], SHOP) else compile_flow(found, {})


@settings(max_examples=300)
@given(EXPRESSIONS, st.lists(BODIES, min_size=2, max_size=4))
def test_an_expression_that_the_checker_takes_has_an_overload_for_every_value(
    expression: str, bodies: list[dict[str, Any]]
) -> None:
    """20 where 20.5 is meant, 20.0 where 20 is, and nulls: and no zero, place or key that is not there."""
    flow = taken(expression)
    event("refused" if flow is None else "taken")
    for body in bodies if flow is not None else ():
        assert flow is not None
        data = ORDER.read(body)
        assert isinstance(data, Declared)
        came = Event(id="1", source="/shop", type="webhook.shop", subject="s", time=NOW, data=data.body)
        end = advance(flow, begin(flow, came), now=NOW)
        assert isinstance(end, End)
        assert end.code in (None, ErrorCode.EXPRESSION_FAILED), end
        reason = (end.reason or "").lower()
        assert not any(word in reason for word in OURS), (reason, expression)
