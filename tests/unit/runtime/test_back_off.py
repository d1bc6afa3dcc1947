"""The waits of whoever tries again: soon at first, never long, never all at once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.runtime.back_off import FIRST_SECONDS, LONGEST_SECONDS, BackOff


@given(st.integers(min_value=1, max_value=5_000))
def test_each_wait_is_twice_as_long_at_most_and_bounded(failures: int) -> None:
    """Also after days."""
    back_off = BackOff()
    waits = [back_off.failed() for _ in range(failures)]
    assert back_off.attempt == failures
    for number, wait in enumerate(waits):
        longest = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(number, 20))
        assert longest / 2 <= wait <= longest


def test_after_a_success_it_begins_anew() -> None:
    back_off = BackOff()
    for _ in range(20):
        back_off.failed()
    back_off.worked()
    assert back_off.failed() <= FIRST_SECONDS


def test_many_do_not_come_back_at_once() -> None:
    waits = set()
    for _ in range(50):
        waits.add(BackOff().failed())
    assert len(waits) > 40


def test_a_cause_is_told_once_until_it_changes_or_ends() -> None:
    back_off = BackOff()
    causes = (OSError("a"), OSError("b"), TimeoutError(), TimeoutError(), OSError())
    assert [back_off.news(one) for one in causes] == [True, False, True, False, True]
    back_off.worked()
    assert back_off.news(OSError())
