"""Digests: items are collected a key and released together, by their count or by time.

The run that is released goes on with all items; the others end. Who opens a collection waits for its time and then
releases what is there. If it never comes back, whoever comes after the time releases instead: no item is forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from services.flows.state.cells import DAY_SECONDS, Asked, Cell, CellContent, CellDecision, NeedAnswer, Stateful, World

KIND = "digest"
MOST_BYTES = 400_000
"""A collection that is larger is released early: its items travel in one message."""
FORGOTTEN_SECONDS = 30 * DAY_SECONDS


class Collected(NeedAnswer):
    """The items, if they are released to this run. Else whether it opened the collection, and when that is due."""

    items: list[Any] | None = None
    number: int
    opened: bool
    collection: str
    since: float
    due: float


class Released(NeedAnswer):
    """The items; None when they were released before."""

    items: list[Any] | None = None


@dataclass(frozen=True, slots=True)
class Collect(Stateful[Collected]):
    """Add an item. `count` items, or `within_seconds` after the first, release all."""

    scope: str
    key: str
    item: Any
    count: int
    within_seconds: float
    answer: ClassVar[type[NeedAnswer]] = Collected
    label: ClassVar[str] = "collect"

    def cells(self, asked: Asked) -> tuple[Cell, ...]:
        """One a scope and key."""
        return (Cell(KIND, (asked.scope(self.scope), self.key)),)

    def decide(self, asked: Asked, held: Sequence[CellContent | None], world: World) -> CellDecision:
        """Released, or collected."""
        (one,) = held
        opened = one is None
        if one is None:
            due = world.now + self.within_seconds
            state: dict[str, Any] = {"collection": asked.id, "since": world.now, "due": due, "items": [], "bytes": 0}
            one = CellContent(state, due + FORGOTTEN_SECONDS)
        items = [*one.state["items"], self.item]
        size = one.state["bytes"] + len(orjson.dumps(self.item))
        release = len(items) >= self.count or size >= MOST_BYTES or world.now >= one.state["due"]
        answer = Collected(
            items=items if release else None,
            number=len(items),
            opened=opened,
            collection=one.state["collection"],
            since=one.state["since"],
            due=one.state["due"],
        )
        after = None if release else CellContent({**one.state, "items": items, "bytes": size}, one.until)
        return CellDecision(answer, (after,), until=one.state["due"])


@dataclass(frozen=True, slots=True)
class Release(Stateful[Released]):
    """Take the items of a collection whose time is over."""

    scope: str
    key: str
    collection: str
    answer: ClassVar[type[NeedAnswer]] = Released
    label: ClassVar[str] = "release"

    def cells(self, asked: Asked) -> tuple[Cell, ...]:
        """That of the collection."""
        return (Cell(KIND, (asked.scope(self.scope), self.key)),)

    def decide(self, asked: Asked, held: Sequence[CellContent | None], world: World) -> CellDecision:
        """The items, if it is still the same collection."""
        del asked, world
        (one,) = held
        if one is None or one.state["collection"] != self.collection:
            return CellDecision(Released(), (one,))
        return CellDecision(Released(items=one.state["items"]), (None,))
