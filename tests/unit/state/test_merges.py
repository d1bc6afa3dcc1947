"""sync.resolve: whatever crosses, both sides end with the same value, and it is the one that the rule says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.tools.catalog.sync_resolve import sync_resolve
from tests.support.stateful import Runs

NOON = datetime(2026, 5, 31, 12, tzinfo=UTC)
OTHER = {"closum": "crm", "crm": "closum"}


def inputs(side: str, value: object, at: float, **more: Any) -> dict[str, Any]:
    """One field of one contact is changed, so many seconds after noon."""
    moment = (NOON + timedelta(seconds=at)).isoformat()
    return {"key": "ana", "side": side, "changes": {"name": value}, "at": moment} | more


def test_later_changes_of_one_side_go_forward_and_late_ones_do_not() -> None:
    runs = Runs()
    assert runs.outputs(sync_resolve, "1", **inputs("crm", "b", 2)) == {
        "forward": {"name": "b"},
        "back": {},
        "lost": [],
    }
    assert runs.outputs(sync_resolve, "2", **inputs("crm", "a", 1)) == {"forward": {}, "back": {}, "lost": ["name"]}
    assert runs.outputs(sync_resolve, "3", **inputs("crm", "c", 3))["forward"] == {"name": "c"}


def test_the_last_of_two_that_crossed_is_written_to_both_sides() -> None:
    runs = Runs()
    runs.outputs(sync_resolve, "1", **inputs("closum", "a", 1))
    found = runs.outputs(sync_resolve, "2", **inputs("crm", "b", 2))
    assert found == {"forward": {"name": "b"}, "back": {"name": "b"}, "lost": []}


def test_the_earlier_of_two_that_crossed_loses_and_its_side_gets_the_winner() -> None:
    runs = Runs()
    runs.outputs(sync_resolve, "1", **inputs("crm", "b", 2))
    found = runs.outputs(sync_resolve, "2", **inputs("closum", "a", 1))
    assert found == {"forward": {}, "back": {"name": "b"}, "lost": ["name"]}


def test_a_side_that_always_wins_wins_what_crossed_and_nothing_else() -> None:
    runs = Runs()
    runs.outputs(sync_resolve, "1", **inputs("closum", "a", 1, rule="closum"))
    crossed = runs.outputs(sync_resolve, "2", **inputs("crm", "b", 2, rule="closum"))
    assert crossed == {"forward": {}, "back": {"name": "a"}, "lost": ["name"]}
    later = runs.outputs(sync_resolve, "3", **inputs("crm", "c", 3600, rule="closum"))
    assert later == {"forward": {"name": "c"}, "back": {}, "lost": []}


@given(
    st.permutations(range(6)),
    st.lists(st.sampled_from(["closum", "crm"]), min_size=6, max_size=6),
    st.sampled_from(["last", "closum"]),
)
def test_whatever_the_order_both_sides_end_with_the_same_value(order: list[int], sides: list[str], rule: str) -> None:
    """The worst case: each side has all of its own edits before our writes come, in the order of their decisions."""
    runs = Runs()
    holds: dict[str, object] = {side: number for number, side in enumerate(sides)}
    for number in order:
        side = sides[number]
        found = runs.outputs(sync_resolve, f"run {number}", **inputs(side, number, number, rule=rule))
        if found["forward"]:
            holds[OTHER[side]] = found["forward"]["name"]
        if found["back"]:
            holds[side] = found["back"]["name"]
    last = max(number for number, side in enumerate(sides) if rule in ("last", side) or "closum" not in sides)
    assert holds["closum"] == holds["crm"]
    assert holds["crm"] == last
