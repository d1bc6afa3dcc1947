"""Offsets may be finished in any order: what is committed never passes an unfinished one, and in the end all is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.actions.queue.offsets import Offsets


@given(data=st.data(), gaps=st.lists(st.integers(1, 5), min_size=1, max_size=60), first=st.integers(0, 10))
def test_the_position_is_the_end_of_the_longest_finished_prefix(
    data: st.DataObject, gaps: list[int], first: int
) -> None:
    """Against the plain definition, after each step of any interleaving of takes and finishes."""
    offsets = [first]
    for gap in gaps:
        offsets.append(offsets[-1] + gap)
    known = Offsets()
    taken: list[int] = []
    finished: set[int] = set()
    while len(finished) < len(offsets):
        open_ones = [offset for offset in taken if offset not in finished]
        if len(taken) < len(offsets) and (not open_ones or data.draw(st.booleans())):
            known.take(offsets[len(taken)])
            taken.append(offsets[len(taken)])
        else:
            done = data.draw(st.sampled_from(open_ones))
            known.finish(done)
            finished.add(done)
        expected = None
        for offset in taken:
            if offset not in finished:
                break
            expected = offset + 1
        assert known.position == expected
        assert known.waiting == len([o for o in taken if o >= (expected or 0)])
    assert known.position == offsets[-1] + 1


def test_finishing_twice_is_once() -> None:
    """Before and after it was counted."""
    known = Offsets()
    for offset in (3, 4, 5):
        known.take(offset)
    for offset in (4, 4, 3, 3, 4):
        known.finish(offset)
    assert (known.position, known.waiting) == (5, 1)


def test_offsets_only_rise() -> None:
    """Anything else would be a fault of the consumer, and must not be committed over."""
    known = Offsets()
    known.take(3)
    with pytest.raises(ValueError, match="3 after 3"):
        known.take(3)
    known.finish(3)
    with pytest.raises(ValueError, match="2 before position 4"):
        known.take(2)
