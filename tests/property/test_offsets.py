"""Offsets may be finished in any order: what is committed never passes an unfinished one, and in the end all is."""

from __future__ import annotations

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


@given(data=st.data(), before=st.integers(1, 12), after=st.integers(1, 12))
def test_a_partition_that_begins_anew_is_counted_anew(data: st.DataObject, before: int, after: int) -> None:
    """However the records of before and of now end: nothing unfinished is passed, and in the end all of now is."""
    known = Offsets()
    for offset in range(before):
        known.take(offset)
    done = data.draw(st.sets(st.integers(0, before - 1), max_size=before - 1))
    for offset in done:
        known.finish(offset)
    first = data.draw(st.integers(0, before - 1))
    taken = range(first, first + after)
    left = [(offset, False) for offset in range(before) if offset not in done] + [(offset, True) for offset in taken]
    known.take(first)
    for offset in taken[1:]:
        known.take(offset)
    finished = set()
    for offset, now in data.draw(st.permutations(left)):
        known.finish(offset)
        if now:
            finished.add(offset)
        unfinished = [one for one in taken if one not in finished]
        assert known.position is None or not unfinished or known.position <= unfinished[0]
    assert (known.position, known.waiting) == (taken[-1] + 1, 0)
