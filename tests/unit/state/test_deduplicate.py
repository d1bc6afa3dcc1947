"""deduplicate: the first passes; what comes second does as the author chose."""

from __future__ import annotations

from services.flows.state.claims import Claimed, ClaimKey
from services.tools.catalog.deduplicate import deduplicate
from services.tools.catalog.deduplicate_result import deduplicate_result
from tests.support.stateful import Runs

DAY = 86_400.0


def test_the_first_passes_and_the_second_ends_as_duplicate() -> None:
    runs = Runs()
    assert runs.outputs(deduplicate, "one", key="a")["first"] is True
    assert runs.use(deduplicate, "two", key="a") == "duplicate"
    assert runs.outputs(deduplicate, "three", key="b")["first"] is True


def test_a_replay_of_the_first_is_the_first_and_one_of_the_second_the_second() -> None:
    """Also when the claim is over in between."""
    runs = Runs()
    first = runs.outputs(deduplicate, "one", key="a", within="1h")
    assert runs.use(deduplicate, "two", key="a", within="1h") == "duplicate"
    runs.now += 2 * 3600
    assert runs.use(deduplicate, "two", key="a", within="1h") == "duplicate"
    assert runs.outputs(deduplicate, "one", key="a", within="1h") == first


def test_after_its_time_a_key_is_free() -> None:
    runs = Runs()
    runs.use(deduplicate, "one", key="a", within="1h")
    runs.now += 3600
    assert runs.outputs(deduplicate, "two", key="a", within="1h")["first"] is True


def test_a_second_look_of_the_same_run_passes() -> None:
    """Two steps with one key do not stop their own run."""
    runs = Runs()
    runs.use(deduplicate, "one", key="a")
    claimed = runs.ask("one", ClaimKey("", "a", DAY), ordinal=5)
    assert isinstance(claimed, Claimed)
    assert claimed.first


def test_the_same_item_in_another_round_of_a_loop_is_a_duplicate() -> None:
    """And a replay of the first round is the first still."""
    runs = Runs()
    steps = ["2[0].do.0", "2[1].do.0", "2[0].do.0", "3[0].do.0"]
    claimed = [runs.ask("one", ClaimKey("", "a", DAY), step=step) for step in steps]
    assert [one.first for one in claimed if isinstance(one, Claimed)] == [True, False, True, True]


def test_continue_gets_the_result_that_the_first_stored() -> None:
    runs = Runs()
    runs.use(deduplicate, "one", key="a", on_duplicate="continue")
    early = runs.outputs(deduplicate, "two", key="a", on_duplicate="continue")
    assert (early["first"], early["duplicate"], early["result"]) == (False, True, None)
    assert runs.outputs(deduplicate_result, "one/result", key="a", result=1) == {"stored": False}
    assert runs.outputs(deduplicate_result, "one", key="a", result={"lead_id": 7}) == {"stored": True}
    late = runs.outputs(deduplicate, "three", key="a", on_duplicate="continue")
    assert (late["result"], late["first_run"], late["update"]) == ({"lead_id": 7}, "one", False)


def test_update_goes_on_and_begins_the_time_anew() -> None:
    runs = Runs()
    runs.use(deduplicate, "one", key="a", within="1d", on_duplicate="update")
    runs.now += 0.9 * DAY
    second = runs.outputs(deduplicate, "two", key="a", within="1d", on_duplicate="update")
    assert (second["first"], second["update"], second["first_run"]) == (False, True, "one")
    runs.now += 0.9 * DAY
    assert runs.outputs(deduplicate, "three", key="a", within="1d", on_duplicate="update")["first_run"] == "one"


def test_flows_and_accounts_do_not_share_keys_but_a_named_scope_is_shared_by_flows() -> None:
    runs = Runs()
    runs.use(deduplicate, "one", key="a")
    runs.use(deduplicate, "one/shared", key="a", scope="leads")
    other = Runs(runs.memory, flow="other")
    assert other.outputs(deduplicate, "two", key="a")["first"] is True
    assert other.use(deduplicate, "three", key="a", scope="leads") == "duplicate"
    stranger = Runs(runs.memory, account="stranger")
    assert stranger.outputs(deduplicate, "four", key="a", scope="leads")["first"] is True


def test_a_scope_with_the_name_of_a_flow_is_not_that_flows_own() -> None:
    runs = Runs(flow="other")
    runs.use(deduplicate, "one", key="a")
    for number, scope in enumerate(("other", "flow other")):
        assert runs.outputs(deduplicate, f"two/{number}", key="a", scope=scope)["first"] is True


def test_a_run_that_died_before_any_call_frees_its_key() -> None:
    """So that a failed lead can be sent again; the dead one, redriven afterwards, is the duplicate then."""
    runs = Runs()
    runs.use(deduplicate, "one", key="a")
    runs.memory.died("one", 0, runs.now)
    assert runs.outputs(deduplicate, "two", key="a")["first"] is True
    assert runs.use(deduplicate, "one", key="a") == "duplicate"
    assert runs.use(deduplicate, "three", key="a") == "duplicate"


def test_a_run_that_died_after_a_call_keeps_its_key() -> None:
    """Its effect is there: a second lead would be one too many."""
    runs = Runs()
    runs.use(deduplicate, "one", key="a")
    runs.memory.died("one", 1, runs.now)
    assert runs.use(deduplicate, "two", key="a") == "duplicate"


def test_calls_before_the_claim_are_not_counted_as_its_effect() -> None:
    runs = Runs(done=2)
    runs.use(deduplicate, "one", key="a")
    runs.memory.died("one", 2, runs.now)
    assert runs.outputs(deduplicate, "two", key="a")["first"] is True


def test_a_dead_run_that_is_redriven_before_anybody_else_comes_is_the_first_again() -> None:
    """And from then on its claim stands: it lives."""
    runs = Runs()
    runs.use(deduplicate, "one", key="a")
    runs.memory.died("one", 0, runs.now)
    assert runs.outputs(deduplicate, "one", key="a")["first"] is True
    assert runs.use(deduplicate, "two", key="a") == "duplicate"
