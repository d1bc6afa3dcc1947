"""Requests on their way and at work: each has its room, and none takes another's."""

from __future__ import annotations

import contextlib
from contextlib import ExitStack

import pytest

from services.ingest.http_problems import Refused
from services.ingest.in_flight import HeldRequest, RequestsInFlight


def filled(stack: ExitStack, of: RequestsInFlight, source: str, peer: str, *, proven: bool) -> list[HeldRequest]:
    """As many requests as there is room for."""
    held: list[HeldRequest] = []
    with contextlib.suppress(Refused):
        while True:
            held.append(stack.enter_context(of.hold(source, peer, proven=proven)))
    return held


def test_strangers_on_their_way_take_no_place_at_work() -> None:
    """However many come, from however many addresses and to however many sources."""
    of = RequestsInFlight(100, 10_000, 100)
    with ExitStack() as stack:
        counts = [
            len(filled(stack, of, source, peer, proven=False))
            for source in ("a", "b", "c", "d", "e")
            for peer in ("1", "2", "3", "4")
        ]
        assert counts[:4] == [50, 50, 0, 0]  # an address has an eighth of 400, a source a fourth
        assert sum(counts) <= 400
        working = filled(stack, of, "proven", "1", proven=True)
        assert len(working) == 50
        assert len(filled(stack, of, "other", "1", proven=True)) == 50
    with of.hold("a", "1", proven=False), of.hold("proven", "1", proven=True):
        pass


def test_what_came_counts_and_not_what_was_announced() -> None:
    """Bytes are held until the request is answered, and each share has room for a body."""
    of = RequestsInFlight(10, 1000, 100)
    with ExitStack() as stack:
        strangers = [stack.enter_context(of.hold("a", "1", proven=False)) for _ in range(5)]
        strangers[0].add(100)
        with pytest.raises(Refused):
            strangers[1].add(1)
        proven = stack.enter_context(of.hold("b", "1", proven=True))
        proven.add(500)
        with pytest.raises(Refused):
            proven.add(1)
        proven.arrived()
        proven.add(399)
        strangers[0].arrived()
        strangers[0].add(1)  # what was refused above is not held
        with pytest.raises(Refused):
            strangers[0].add(1)
        strangers[2].add(99)
    with of.hold("b", None, proven=True) as held:
        held.add(500)
        held.arrived()
        held.add(500)


def test_who_arrives_when_all_are_at_work_is_told_so() -> None:
    """And leaves nothing behind."""
    of = RequestsInFlight(1, 1000, 100)
    with of.hold("a", "1", proven=False) as late:
        late.add(10)
        with of.hold("b", "1", proven=True), pytest.raises(Refused):
            late.arrived()
    with of.hold("a", "1", proven=False) as held:
        held.add(100)
        held.arrived()
        held.add(900)
