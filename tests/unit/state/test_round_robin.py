"""round_robin: exact shares, the same again for a sticky key, nobody who is away."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.flows.catalogue import ToolError
from services.flows.state.rotations import NEW, switched, turn
from services.tools.catalog.round_robin import round_robin
from tests.support.stateful import MORNING, Runs

TEAM = {"list": "sales", "values": ["ana", "rui", "eva"]}


def who(runs: Runs, run: object, **inputs: Any) -> str:
    value: str = runs.outputs(round_robin, str(run), **{**TEAM, **inputs})["value"]
    return value


def test_turns_go_round() -> None:
    runs = Runs()
    assert [who(runs, number) for number in range(6)] == ["ana", "rui", "eva", "ana", "rui", "eva"]


def test_a_replay_has_the_same_turn_and_takes_none() -> None:
    runs = Runs()
    assert [who(runs, number) for number in (0, 1, 0, 0, 1, 2)] == ["ana", "rui", "ana", "ana", "rui", "eva"]


def test_weights_are_turns_a_round_spread_evenly() -> None:
    runs = Runs()
    turns = [who(runs, number, weights={"ana": 3, "eva": 0}) for number in range(8)]
    assert turns == ["ana", "ana", "rui", "ana"] * 2


def test_flows_share_a_rotation_by_its_name() -> None:
    runs = Runs()
    assert who(runs, "one") == "ana"
    assert who(Runs(runs.memory, flow="other"), "two") == "rui"
    assert who(Runs(runs.memory, account="stranger"), "three") == "ana"
    assert who(runs, "four", list="support") == "ana"


def test_a_sticky_key_keeps_who_it_got_without_taking_a_turn() -> None:
    runs = Runs()
    assert who(runs, 1, sticky_key="k") == "ana"
    again = runs.outputs(round_robin, "2", **TEAM, sticky_key="k")
    assert again == {"value": "ana", "assigned": True, "kept": True}
    assert who(runs, 3) == "rui"


def test_a_sticky_key_forgets_after_its_time_since_the_last_turn() -> None:
    runs = Runs()
    for number in range(3):
        assert who(runs, number, sticky_key="k", sticky_for="1h") == "ana"
        runs.now += 3599
    runs.now += 1
    assert who(runs, "late", sticky_key="k", sticky_for="1h") == "rui"


def test_a_sticky_key_whose_member_is_away_or_gone_gets_another_and_keeps_that_one() -> None:
    runs = Runs()
    assert who(runs, 1, sticky_key="k") == "ana"
    assert who(runs, 2, sticky_key="k", absent=["ana"]) == "rui"
    assert who(runs, 3, sticky_key="k") == "rui"
    assert who(runs, 4, sticky_key="k", values=["ana", "eva"]) in {"ana", "eva"}


def test_who_is_absent_is_skipped() -> None:
    runs = Runs()
    assert [who(runs, number, absent=["rui"]) for number in range(4)] == ["ana", "eva", "ana", "eva"]


def test_who_is_not_at_work_is_skipped() -> None:
    """By the same hours as `wait`: nine to six on weekdays in Lisbon, which is UTC in winter."""
    runs = Runs()
    lisbon = {"zone": "Europe/Lisbon"}
    hours = {"ana": lisbon, "eva": {**lisbon, "hours": "22:00-06:00", "days": "sun"}}
    assert {who(runs, number, hours=hours) for number in range(4)} == {"ana", "rui"}
    runs.now = MORNING - 3600
    assert {who(runs, number, hours=hours) for number in range(10, 14)} == {"rui"}
    runs.now = MORNING - 4 * 3600
    assert {who(runs, number, hours=hours) for number in range(20, 24)} == {"rui", "eva"}
    runs.now = MORNING + 60
    holiday = {"ana": {"zone": "Europe/Lisbon", "holidays": ["2026-03-02"]}}
    assert {who(runs, number, hours=holiday) for number in range(30, 34)} == {"rui", "eva"}


def test_hours_that_are_none_are_the_authors_mistake() -> None:
    with pytest.raises(ToolError, match="hours: 'someday' is no day"):
        who(Runs(), 1, hours={"ana": {"zone": "UTC", "days": "someday"}})


def test_when_all_are_away_the_author_decides() -> None:
    runs = Runs()
    absent = TEAM["values"]
    assert who(runs, 1, absent=absent) == "ana"
    nobody = runs.outputs(round_robin, "2", **TEAM, absent=absent, all_absent="none")
    assert nobody == {"value": "", "assigned": False, "kept": False}
    with pytest.raises(ToolError, match="nobody of 'sales' is there"):
        runs.use(round_robin, "3", **TEAM, absent=absent, all_absent="fail")


def test_names_that_are_not_in_the_list_and_weights_of_nothing_are_the_authors_mistake() -> None:
    with pytest.raises(ToolError, match="weights names 'rita'"):
        who(Runs(), 1, weights={"rita": 2})
    with pytest.raises(ToolError, match="hours names 'rita'"):
        who(Runs(), 1, hours={"rita": {"zone": "UTC"}})
    with pytest.raises(ToolError, match="nobody would get a turn"):
        who(Runs(), 1, weights=dict.fromkeys(("ana", "rui", "eva"), 0))


def test_a_switch_puts_a_member_away_until_a_moment_or_until_it_is_back() -> None:
    state = switched(NEW, {"ana": None, "rui": 100.0}, [])
    assert state["away"] == {"ana": None, "rui": 100.0}
    assert switched(state, {}, ["ana", "nobody"])["away"] == {"rui": 100.0}


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 200))
def test_shares_are_exact_each_round_and_never_a_round_apart(weights: list[int], turns: int) -> None:
    """Within one turn of the exact share at any moment: far less than a round."""
    present = {f"m{number}": weight for number, weight in enumerate(weights)}
    whole = sum(weights)
    state: Any = NEW
    got: Counter[str] = Counter()
    for number in range(1, turns + 1):
        chosen, state = turn(state, present)
        got[chosen] += 1
        for name, weight in present.items():
            assert abs(got[name] - number * weight / whole) < max(1, len(weights) / 2)
            if number % whole == 0:
                assert got[name] == number // whole * weight
    for name, member in state["members"].items():
        assert member["turns"] == got[name]
        assert member["due"] == pytest.approx(turns * present[name] / whole)


@given(st.lists(st.sets(st.sampled_from("abcde"), min_size=1), min_size=1, max_size=300))
def test_nobody_is_owed_more_than_a_few_turns_however_people_come_and_go(present: list[set[str]]) -> None:
    state: Any = NEW
    for there in present:
        chosen, state = turn(state, dict.fromkeys(sorted(there), 1))
        assert chosen in there
    assert all(abs(member["turns"] - member["due"]) <= 5 for member in state["members"].values())
