"""Whatever order records come in: each is handled once, in order, and nothing is committed past one that is missing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.tools.handled_offsets import HandledOffsets, Offsets, Partition

PLACES = [Partition("events", 0), Partition("runs", 1)]
SIZES = st.lists(st.integers(1, 3), min_size=1, max_size=12)  # of a record, or of a gap


@given(st.data())
def test_each_is_handled_once_and_in_order_and_what_is_missing_is_asked_for(data: st.DataObject) -> None:
    kept = HandledOffsets()
    whole = {place: _records(place, data.draw(SIZES)) for place in PLACES}
    for place in PLACES:
        kept.begins(place, 0)
    handled: dict[Partition, list[Offsets]] = {place: [] for place in PLACES}
    everything = [record for place in PLACES for record in whole[place]]
    for _ in range(data.draw(st.integers(0, 8))):
        _plays(kept, data.draw(st.lists(st.sampled_from(everything), max_size=10)), handled)
    for place in PLACES:  # and to the end: read again from what is missing, all is handled
        missing = kept.next(place)
        assert missing is not None
        _plays(kept, [record for record in whole[place] if record.first >= missing], handled)
    assert handled == whole


def _plays(kept: HandledOffsets, batch: list[Offsets], handled: dict[Partition, list[Offsets]]) -> None:
    now, holes = kept.follows(batch)
    chosen = [record for record, fits in zip(batch, now, strict=True) if fits]
    kept.handled(chosen)
    for record in chosen:
        handled[record.partition].append(record)
    for place in PLACES:
        end = handled[place][-1].last + 1 if handled[place] else 0
        assert kept.next(place) == end
        assert (place in holes) == any(_early(batch, place, end, now))


def _early(batch: list[Offsets], place: Partition, end: int, now: list[bool]) -> list[bool]:
    """Of those of one partition: whether they were not handled, and lie behind what was reached when they came."""
    reached = end - sum(
        record.last - record.first + 1
        for record, fits in zip(batch, now, strict=True)
        if fits and record.partition == place
    )
    early = []
    for record, fits in zip(batch, now, strict=True):
        if record.partition == place:
            early.append(not fits and record.first > reached)
            reached = record.last + 1 if fits else reached
    return early


def _records(place: Partition, sizes: list[int]) -> list[Offsets]:
    made, begin = [], 0
    for size in sizes:
        made.append(Offsets(place, begin, begin + size - 1))
        begin += size
    return made
