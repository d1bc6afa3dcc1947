"""What is said to be always true is true of every order, and what is said to be always false of none."""

from __future__ import annotations

from hypothesis import event, given, settings
from hypothesis import strategies as st

from services.flows.check import check
from services.flows.compile import compile_flow
from services.flows.load import load_text
from services.flows.outcomes import End
from tests.support.flows import CATALOGUE, first, flow_text

ATOMS = st.sampled_from(
    [
        "trigger.paid",
        "!trigger.paid",
        "trigger.paid == true",
        "trigger.paid != false",
        'trigger.id == "a"',
        'trigger.id != "a"',
        'trigger.id in ["a", "b"]',
        '"b" == trigger.id',
        "trigger.total > 1.0",
        "trigger.total <= 1.0",
        "2.0 > trigger.total",
        "trigger.total == 1.5",
        "trigger.tags.size() > 0",
        "size(trigger.tags) < 1",
        "trigger.tags.size() == 1",
        "trigger.tags.size() >= 0",
        "has(trigger.phone)",
        "has(trigger.id)",
        'trigger.id.contains("a")',
        "trigger.raw.x == true",
        "trigger.raw.x == 1",
        "1 < 2",
        "false",
    ]
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} && {pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} || {pair[1]})"),
        inner.map(lambda one: f"!({one})"),
        st.tuples(inner, inner, inner).map(lambda three: f"({three[0]} ? {three[1]} : {three[2]})"),
    ),
    max_leaves=6,
)
ORDERS = st.fixed_dictionaries(
    {
        "paid": st.booleans(),
        "id": st.sampled_from(["a", "b", "c", "aa"]),
        "total": st.sampled_from([0.0, 1.0, 1.25, 1.5, 2.0, 3.0]),
        "tags": st.lists(st.just("x"), max_size=2),
        "phone": st.none() | st.just("9"),
        "raw": st.sampled_from([{"x": True}, {"x": 1}, {"x": "y"}]),
    }
)


def steps(outer: str, inner: str) -> str:
    """Two conditions, the second inside of the first."""
    return (
        f"- if: '${{ {outer} }}'\n  then:\n    - if: '${{ {inner} }}'\n      then: [ {{ stop: both }} ]\n"
        "      else: [ { stop: outer } ]\n- stop: none\n"
    )


@settings(max_examples=150)
@given(CONDITIONS, CONDITIONS, st.lists(ORDERS, min_size=4, max_size=12))
def test_no_condition_is_wrongly_called_constant(outer: str, inner: str, orders: list[dict[str, object]]) -> None:
    """By itself, or by the condition around it."""
    text = flow_text(steps(outer, inner))
    sources, faults = load_text(text)
    found = [*faults, *check(sources, CATALOGUE)]
    said = {fault.line: fault.text for fault in found if fault.code == "condition_constant"}
    event("constant" if said else "open")
    flow = compile_flow(sources[0], {})
    for order in orders:
        end = first(flow, **order)
        assert isinstance(end, End)
        if end.reason is not None and end.reason not in ("none", "outer", "both"):
            continue  # an error of the expression: the condition was neither
        if 4 in said:
            assert (end.reason != "none") is ("always true" in said[4]), said
        if 6 in said and end.reason != "none":
            assert (end.reason == "both") is ("always true" in said[6]), said
