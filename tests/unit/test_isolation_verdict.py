"""What the isolation bench holds for a broken line."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.bench.isolation.load import Job
from tests.bench.isolation.verdict import BROKEN, HOLDS, Row, bound, compared, moved_again, share, table, with_table


def test_shares_are_of_values_that_were_measured() -> None:
    """The nearest rank; nothing measured is never."""
    assert share([3.0, 1.0, 2.0, 4.0], 0.5) == 2.0
    assert share([0.0] * 98 + [5.0, 9.0], 0.99) == 5.0
    assert share([], 0.99) == math.inf


def test_a_healthy_p99_may_double_and_be_50_ms() -> None:
    """Twice the calm one, or the floor."""
    assert (bound(0.010), bound(0.2)) == (0.05, 0.4)
    assert compared("x", [0.01] * 100, [0.04] * 100).verdict == HOLDS
    assert compared("x", [0.01] * 100, [0.06] * 100).verdict == BROKEN
    assert compared("x", [0.1] * 100, [0.19] * 100).verdict == HOLDS


def test_one_call_that_never_came_breaks_a_line() -> None:
    """Though its p99 is good."""
    assert compared("x", [0.01] * 1000, [0.01] * 999 + [math.inf]).verdict == BROKEN


def test_a_lane_moves_again_with_its_first_call_after_the_return() -> None:
    """Who did not wait at that moment counts not; who never moves breaks the line."""
    waited = moved_again([0, 1, 2, 9], [0.1, 12, 13, 9.1], [1, 1, 2, 3], 10.0)
    assert waited == {1: 2, 2: 3}
    assert moved_again([0], [None], [1], 10.0) == {1: math.inf}
    nothing = (math.nan, math.nan)
    assert Row("killed", 10, nothing, nothing, 4.0, 5.0, 0).verdict == HOLDS
    assert Row("killed", 10, nothing, nothing, 6.0, 5.0, 0).verdict == BROKEN


def test_the_table_tells_each_line() -> None:
    """In milliseconds, seconds, or never."""
    shown = table([compared("hangs", [0.01] * 10, [2.0] * 9 + [math.inf])]).splitlines()
    assert [cell.strip() for cell in shown[2].strip("|").split("|")] == [
        "hangs", "10", "10 ms", "10 ms", "2.0 s", "never", "never", "50 ms", "broken, 1 lost",
    ]  # fmt: skip


def test_the_documents_table_is_written_anew() -> None:
    """All else of it stays; one that has no such table is told."""
    docs = Path(__file__).parents[2] / "docs/isolation.md"
    made = table([compared("hangs", [0.01] * 10, [0.02] * 10)])
    written = with_table(docs.read_text(), made)
    assert made in written
    assert with_table(written, made) == written
    assert written.split(made)[0] == docs.read_text()[: len(written.split(made)[0])]
    with pytest.raises(LookupError):
        with_table("no table", made)


def test_requests_are_due_by_the_clock_and_the_same_for_a_seed() -> None:
    """Each within its own slot, whatever becomes of those before."""
    job = Job("http://x", "@n @contact", 100, 50, 10.0, 1000.0, 0.0, seed=3, contacts=5)
    due = job.due()
    assert due == job.due()
    assert all(1000.0 + place / 10 <= moment < 1000.0 + (place + 1) / 10 for place, moment in enumerate(due))
    assert {job.contact(number) for number in range(100, 150)} == set(range(5))
    assert job.content(100).decode().split() == ["100", str(1_000_000 + job.contact(100))]
