"""What a sender is told about redeliveries: for how long an id is remembered."""

from __future__ import annotations

from services.ingest.acknowledged_ids import AcknowledgedIds


def test_an_id_is_known_as_long_as_its_event_says() -> None:
    """Else as long as the others; a redelivery does not prolong it."""
    clock = [0.0]
    known = AcknowledgedIds(10, 60, lambda: clock[0])
    known.add("/a", "usual")
    known.add("/a", "long", 600)
    clock[0] = 59
    known.add("/a", "usual")
    clock[0] = 61
    assert [known.known("/a", name) for name in ("usual", "long")] == [False, True]
    clock[0] = 601
    assert not known.known("/a", "long")


def test_memory_is_bounded() -> None:
    """The oldest are forgotten first."""
    known = AcknowledgedIds(2, 60)
    for name in "abc":
        known.add("/a", name)
    assert (len(known), [known.known("/a", name) for name in "abc"]) == (2, [False, True, True])
