"""counter, storage, throttle and digest: what each promises, also on a replay."""

from __future__ import annotations

import pytest

from services.flows.catalogue import ToolError
from services.flows.needs import Pause
from services.flows.state.cells import Asked
from services.flows.state.counters import Count
from services.flows.state.digests import MOST_BYTES
from services.tools.catalog.counter import counter
from services.tools.catalog.digest import digest
from services.tools.catalog.storage_get import storage_get
from services.tools.catalog.storage_set import storage_set
from services.tools.catalog.throttle import throttle
from tests.support.stateful import MORNING, Runs

HOUR = 3600.0


def test_a_counter_counts_each_run_once_and_begins_anew_after_its_time() -> None:
    runs = Runs()
    totals = [runs.outputs(counter, run, key="a", within="1h")["total"] for run in ("1", "2", "1", "3")]
    assert totals == [1, 2, 1, 3]
    assert runs.outputs(counter, "4", key="a", within="1h", add=-5)["total"] == -2
    assert runs.outputs(counter, "5", key="b")["total"] == 1
    runs.now += HOUR
    assert runs.outputs(counter, "6", key="a", within="1h") == {"total": 1, "since": "2026-03-02T10:00:00+00:00"}


def test_storage_gives_back_what_was_set_until_its_time_is_over() -> None:
    runs = Runs()
    assert runs.outputs(storage_get, "1", key="a", default=0) == {"found": False, "value": 0}
    assert runs.outputs(storage_set, "2", key="a", value={"x": [1]}, keep="1h") == {"replaced": False, "previous": None}
    assert runs.outputs(storage_get, "3", key="a", default=0) == {"found": True, "value": {"x": [1]}}
    assert runs.outputs(storage_set, "4", key="a", value=2, keep="1h") == {"replaced": True, "previous": {"x": [1]}}
    assert runs.outputs(storage_get, "3", key="a", default=0)["value"] == {"x": [1]}  # a replay reads as it read
    runs.now += HOUR
    assert runs.outputs(storage_get, "5", key="a")["found"] is False


def test_storing_null_takes_a_value_away() -> None:
    runs = Runs()
    runs.use(storage_set, "1", key="a", value=1)
    runs.use(storage_set, "2", key="a", value=None)
    assert runs.outputs(storage_get, "3", key="a")["found"] is False


def test_what_is_too_large_to_keep_is_told_with_a_remedy() -> None:
    with pytest.raises(ToolError, match="the most is 100,000: keep less"):
        Runs().use(storage_set, "1", key="a", value="x" * 100_000)
    with pytest.raises(ToolError, match=r"keep: .* at most ten years"):
        Runs().use(storage_set, "1", key="a", value=1, keep="999999999w")


def test_no_more_than_so_many_pass_in_any_stretch_of_the_length() -> None:
    runs = Runs()
    passed = []
    for number in range(400):
        if runs.use(throttle, str(number), most=3, per="1m", then="stop") != "throttled":
            passed.append(runs.now)
        runs.now += 7
    assert len(passed) > 100
    assert all(later - earlier >= 60 for earlier, later in zip(passed, passed[3:], strict=False))


def test_with_wait_each_gets_its_place_in_order_and_passes_when_it_has_come() -> None:
    runs = Runs()
    found = [runs.use(throttle, str(number), most=2, per="1m") for number in range(5)]
    assert [one if isinstance(one, float) else one["passed"] for one in found if not isinstance(one, str)] == [
        True,
        True,
        MORNING + 60,
        MORNING + 60,
        MORNING + 120,
    ]
    runs.now = MORNING + 60
    assert runs.outputs(throttle, "3", most=2, per="1m")["at"] == "2026-03-02T09:01:00+00:00"
    assert runs.use(throttle, "4", most=2, per="1m") == MORNING + 120


def test_who_would_wait_too_long_fails_and_takes_no_place() -> None:
    runs = Runs()
    runs.use(throttle, "1", most=1, per="1h")
    with pytest.raises(ToolError, match="longer than 30m"):
        runs.use(throttle, "2", most=1, per="1h", longest_wait="30m")
    assert runs.use(throttle, "3", most=1, per="1h") == MORNING + HOUR


def test_with_continue_who_does_not_pass_is_told_when_it_could_have() -> None:
    runs = Runs()
    runs.use(throttle, "1", most=1, per="1h", then="continue")
    found = runs.outputs(throttle, "2", most=1, per="1h", then="continue")
    assert found == {"passed": False, "at": "2026-03-02T10:00:00+00:00"}


def test_a_clock_that_is_set_back_lets_nobody_pass_too_early() -> None:
    runs = Runs()
    runs.use(throttle, "1", most=1, per="1m")
    runs.now -= 30
    assert runs.use(throttle, "2", most=1, per="1m") == MORNING + 60


def test_a_digest_by_count_goes_on_with_the_last_and_ends_the_others() -> None:
    runs = Runs()
    assert runs.use(digest, "1", item="a", count=3) == MORNING + HOUR
    assert runs.use(digest, "2", item="b", count=3) == "collected in a digest"
    released = runs.outputs(digest, "3", item="c", count=3)
    assert released == {"items": ["a", "b", "c"], "count": 3, "since": "2026-03-02T09:00:00+00:00"}
    assert runs.outputs(digest, "3", item="c", count=3) == released
    assert runs.use(digest, "4", item="d", count=3) == MORNING + HOUR
    runs.now += HOUR
    assert runs.use(digest, "1", item="a", count=3) == "collected in a digest"


def test_a_digest_by_time_goes_on_with_the_one_that_opened_it() -> None:
    runs = Runs()
    runs.use(digest, "1", item="a", within="10m")
    runs.now += 300
    runs.use(digest, "2", item="b", within="10m")
    runs.now += 300
    assert runs.outputs(digest, "1", item="a", within="10m")["items"] == ["a", "b"]
    assert runs.outputs(digest, "1", item="a", within="10m")["items"] == ["a", "b"]


def test_a_digest_whose_opener_never_comes_back_is_released_by_whoever_comes_next() -> None:
    runs = Runs()
    runs.use(digest, "1", item="a", within="10m")
    runs.now += 601
    assert runs.outputs(digest, "2", item="b", within="10m")["items"] == ["a", "b"]
    assert runs.use(digest, "1", item="a", within="10m") == "collected in a digest"


def test_a_digest_that_grows_too_large_for_a_message_is_released_early() -> None:
    runs = Runs()
    sizes = []
    for number in range(10):
        found = runs.use(digest, str(number), item="x" * 90_000)
        sizes.append(found["count"] if isinstance(found, dict) else 0)
    assert sizes == [0, 0, 0, 0, 5, 0, 0, 0, 0, 5]
    assert MOST_BYTES + 100_000 < 900_000


def test_a_need_without_state_is_an_error_of_that_ask_alone() -> None:
    runs = Runs()
    asks = [
        Asked("default", "flow", "1", "0", 0, Pause(0.0)),
        Asked("default", "flow", "2", "0", 0, Count("", "a", 1, 60.0)),
    ]
    first, second = runs.memory.answer(asks, runs.now)
    assert isinstance(first, TypeError)
    assert second == Count.answer.model_validate({"total": 1, "since": runs.now})
