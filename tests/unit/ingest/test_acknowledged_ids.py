"""What a sender is told about redeliveries: for how long an id is remembered."""

from __future__ import annotations

from services.ingest.acknowledged_ids import AcknowledgedIds

SHOP = ("default", "/shop")


def test_an_id_is_known_as_long_as_its_event_says() -> None:
    """Else as long as the others; a redelivery does not prolong it."""
    clock = [0.0]
    known = AcknowledgedIds(10, 60, lambda: clock[0])
    known.add(SHOP, "usual")
    known.add(SHOP, "long", 600)
    clock[0] = 59
    known.add(SHOP, "usual")
    clock[0] = 61
    assert [known.known(SHOP, name) for name in ("usual", "long")] == [False, True]
    clock[0] = 601
    assert not known.known(SHOP, "long")


def test_memory_is_bounded() -> None:
    """The oldest are forgotten first."""
    known = AcknowledgedIds(2, 60)
    for name in "abc":
        known.add(SHOP, name)
    assert (len(known), [known.known(SHOP, name) for name in "abc"]) == (2, [False, True, True])


def test_the_same_id_of_another_account_or_source_is_another_event() -> None:
    """Nobody is told of what is another's."""
    known = AcknowledgedIds(10, 60)
    known.add(SHOP, "a")
    others = [("porto", "/shop"), ("default", "/hooks/shop")]
    assert [known.known(origin, "a") for origin in (SHOP, *others)] == [True, False, False]
    assert (known.origins("a"), known.origins("b")) == ([SHOP], [])
