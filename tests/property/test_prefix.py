"""Offsets may be finished in any order: what is committed never passes an unfinished one, and in the end all is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.actions.delivery.prefix import Prefix


@given(data=st.data(), gaps=st.lists(st.integers(1, 5), min_size=1, max_size=60), first=st.integers(0, 10))
def test_the_position_is_the_end_of_the_longest_finished_prefix(
    data: st.DataObject, gaps: list[int], first: int
) -> None:
    """Against the plain definition, after each step of any interleaving of takes and finishes."""
    offsets = [first]
    for gap in gaps:
        offsets.append(offsets[-1] + gap)
    prefix = Prefix()
    taken: list[int] = []
    finished: set[int] = set()
    while len(finished) < len(offsets):
        open_ones = [offset for offset in taken if offset not in finished]
        if len(taken) < len(offsets) and (not open_ones or data.draw(st.booleans())):
            prefix.take(offsets[len(taken)])
            taken.append(offsets[len(taken)])
        else:
            done = data.draw(st.sampled_from(open_ones))
            prefix.finish(done)
            finished.add(done)
        expected = None
        for offset in taken:
            if offset not in finished:
                break
            expected = offset + 1
        assert prefix.position == expected
        assert prefix.waiting == len([o for o in taken if o >= (expected or 0)])
    assert prefix.position == offsets[-1] + 1


def test_finishing_twice_is_once() -> None:
    """Before and after it was counted."""
    prefix = Prefix()
    for offset in (3, 4, 5):
        prefix.take(offset)
    for offset in (4, 4, 3, 3, 4):
        prefix.finish(offset)
    assert (prefix.position, prefix.waiting) == (5, 1)


def test_offsets_only_rise() -> None:
    """Anything else would be a fault of the consumer, and must not be committed over."""
    prefix = Prefix()
    prefix.take(3)
    with pytest.raises(ValueError, match="3 after 3"):
        prefix.take(3)
    prefix.finish(3)
    with pytest.raises(ValueError, match="2 before position 4"):
        prefix.take(2)
