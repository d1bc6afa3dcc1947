"""Finding the flows of an event asks none of the others: a thousand flows cost an event no more than ten."""

from __future__ import annotations

from dataclasses import replace

from services.flows.index import FlowIndex
from tests.support.flows import compiled

ONE = compiled("- stop: a")


class Counted(str):
    """A name that counts how often it is compared."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return super().__eq__(other)

    __hash__ = str.__hash__


def comparisons(flows: int) -> int:
    """How many names are compared to find the one flow of an event among so many."""
    index = FlowIndex(
        replace(ONE, name=f"f{number}", version=str(number), triggers=(Counted(f"webhook.s{number}"),))
        for number in range(flows)
    )
    Counted.compared = 0
    assert [flow.name for flow in index.for_trigger("webhook.s3")] == ["f3"]
    return Counted.compared


def test_a_thousand_flows_cost_no_more_than_ten() -> None:
    """Counted, not timed."""
    assert comparisons(1000) <= comparisons(10) + 2


def test_flows_come_in_the_order_in_which_they_were_given() -> None:
    """And each under all its triggers, and under its version."""
    both = replace(ONE, name="both", version="2", triggers=("a", "b"))
    index = FlowIndex([replace(ONE, name="one", version="1", triggers=("a",)), both])
    assert [flow.name for flow in index.for_trigger("a")] == ["one", "both"]
    assert [flow.name for flow in index.for_trigger("b")] == ["both"]
    assert index.for_trigger("c") == ()
    assert index.version("both", "2") is both
    assert index.version("both", "1") is None
