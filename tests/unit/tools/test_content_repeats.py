"""Whether an event whose id was made of its content is a delivery that came before: the decision alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.tools.claims import SubjectOrder
from services.tools.content_repeats import LatestContent, judged

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
KEEP = timedelta(minutes=10)


def told(*deliveries: tuple[str, float]) -> list[bool]:
    """Which of a subject's deliveries (content, minute) are new."""
    latest: LatestContent | None = None
    new = []
    for position, (content, minute) in enumerate(deliveries):
        among = SubjectOrder("s", "events/0", position, BEGIN + timedelta(minutes=minute), content[0])
        is_new, latest = judged(latest, content, among, KEEP)
        new.append(is_new)
    return new


def test_there_and_back_is_three_changes() -> None:
    """However soon they follow each other."""
    assert told(("A", 0), ("B", 0), ("A", 0), ("B", 0)) == [True] * 4


def test_the_same_again_is_one_for_as_long_as_senders_repeat() -> None:
    """From the first on: a repetition does not prolong it."""
    assert told(("A", 0), ("A", 6), ("A", 10), ("A", 11), ("A", 20)) == [True, False, False, True, False]


def test_each_of_a_bodys_events_is_a_repeat_of_itself() -> None:
    """`X0` and `X1` came in one body `X`: one is nothing between two of the other. A part that was lost is new."""
    assert told(("X0", 0), ("X1", 0), ("X0", 1), ("X1", 1), ("X2", 2)) == [True, True, False, False, True]
    assert told(("X1", 0), ("X0", 1), ("X1", 1)) == [True, True, False]
    assert told(("X0", 0), ("X1", 0), ("Y0", 1), ("X0", 1), ("X1", 1)) == [True] * 5


def test_a_clock_that_is_a_little_behind_changes_nothing() -> None:
    """Two replicas of ingest took them."""
    assert told(("A", 0.1), ("A", 0)) == [True, False]
