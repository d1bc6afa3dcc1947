"""Names that loops set again and again: what runs well is never called a mistake."""

from __future__ import annotations

from hypothesis import event, given
from hypothesis import strategies as st

from contracts.runs import Outcome
from services.flows.check import check
from services.flows.compile import compile_flow
from services.flows.load import load_text
from services.flows.outcomes import End
from tests.support.flows import CATALOGUE, TOOLS, first, flow_text

NAMES = st.sampled_from("abc")
VALUES = st.sampled_from(["x", "1", "1.5", "true", "[1]", "[y]"]) | NAMES.map(lambda name: f"${{ {name} }}")
SETS = st.tuples(NAMES, VALUES).map(
    lambda pair: [f"- set: {{ {pair[0]}: '{pair[1]}' }}" if "$" in pair[1] else f"- set: {{ {pair[0]}: {pair[1]} }}"]
)
# A text is needed here; another kind of value ends the run as dead.
USES = NAMES.map(lambda name: ["- tool: phone.format", f"  with: {{ number: '${{ {name} }}' }}"])


def looped(steps: list[list[str]]) -> list[str]:
    """These steps, three times."""
    lines = [line for step in steps for line in step]
    return ["- for_each: [1, 2, 3]", "  limit: 4", "  as: LEVEL", "  do:", *(f"  {line}" for line in lines)]


STEPS = st.recursive(SETS | USES, lambda inner: st.lists(inner, min_size=1, max_size=5).map(looped), max_leaves=9)


@given(st.lists(STEPS, min_size=1, max_size=4))
def test_what_runs_well_has_no_fault(steps: list[list[str]]) -> None:
    """Every step is done at least once, so that each fault of a type would have shown."""
    lines = ["- set: { a: x, b: 1, c: true }", *(line for step in steps for line in step)]
    named = [line.replace("LEVEL", f"item{number}") for number, line in enumerate(lines)]
    sources, faults = load_text(flow_text("\n".join(named)))
    assert faults == []
    end = first(compile_flow(sources[0], TOOLS))
    assert isinstance(end, End)
    found = [str(fault) for fault in check(sources, CATALOGUE) if fault.code != "loop_limit"]
    event(f"{end.outcome}, {len(found)} faults")
    if end.outcome is not Outcome.DEAD:
        assert found == []
