"""The table `parked` for one worker: writes gather, reads wait while PostgreSQL is away, nothing is mixed up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.actions.queue.parked_rows import MOST_COPIED, ParkedRows
from services.actions.queue.parked_table import Head, Parked, ParkedTable
from tests.support.world import loop
from tests.unit.actions.plans import record


def row(offset: int, lane: str = "a", attempts: int = 0, **more: Any) -> Parked:
    """One request."""
    return Parked("t/0", lane, record(b"v", offset), attempts, 0.0, **more)


def by(row: Parked) -> tuple[int, str]:
    """Of one place."""
    return row.record.offset, row.lane


class Table(ParkedTable):
    """Notes what it is asked, and answers what a test says. `away`: so often PostgreSQL is not there."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.answer: Any = None
        self.away = 0

    def _asked(self, *what: Any) -> Any:
        if self.away:
            self.away -= 1
            raise ConnectionRefusedError
        self.asked.append(what)
        return self.answer

    async def heads(self, place: str) -> list[Head]:
        """As the real one."""
        return self._asked("heads", place)  # type: ignore[no-any-return]

    async def connections(self, place: str) -> list[str]:
        """As the real one."""
        return self._asked("connections", place)  # type: ignore[no-any-return]

    async def count(self, place: str) -> int:
        """As the real one."""
        return self._asked("count", place)  # type: ignore[no-any-return]

    async def next(self, place: str, connection: str, after: int, most: int) -> list[Parked]:
        """As the real one."""
        return self._asked("next", place, connection, after, most)  # type: ignore[no-any-return]

    async def newest(self, place: str, connection: str, most: int) -> list[str]:
        """As the real one."""
        return self._asked("newest", place, connection, most)  # type: ignore[no-any-return]

    async def late(self, places: Sequence[str], wall: float, most: int) -> list[Parked]:
        """As the real one."""
        return self._asked("late", places, wall, most)  # type: ignore[no-any-return]

    async def load(self, lanes: Sequence[tuple[str, str]], most: int) -> list[Parked]:
        """As the real one."""
        return self._asked("load", lanes, most)  # type: ignore[no-any-return]

    async def bytes(self) -> int:
        """As the real one."""
        return self._asked("bytes")  # type: ignore[no-any-return]

    async def add(self, rows: Sequence[Parked]) -> None:
        """As the real one."""
        self._asked("add", rows)

    async def copy(self, rows: Sequence[Parked]) -> None:
        """As the real one."""
        self._asked("copy", rows)

    async def remove(self, rows: Sequence[tuple[str, str, int]]) -> None:
        """As the real one."""
        self._asked("remove", rows)


def play(story: Callable[[ParkedRows, Table, list[None]], Coroutine[Any, Any, None]]) -> None:
    """A story with rows of its own; the list grows with each wait for PostgreSQL."""

    async def played() -> None:
        waits: list[None] = []
        table = Table()
        rows = ParkedRows(table, lambda: waits.append(None))
        await story(rows, table, waits)
        await rows.close()

    loop.run(played)


@pytest.mark.parametrize(
    ("ask", "asked", "answer"),
    [
        (lambda rows: rows.heads("t/0"), ("heads", "t/0"), [Head("a", 1.0, 2)]),
        (lambda rows: rows.connections("t/0"), ("connections", "t/0"), ["crm"]),
        (lambda rows: rows.count("t/0"), ("count", "t/0"), 2),
        (lambda rows: rows.next("t/0", "crm", 5, 9), ("next", "t/0", "crm", 5, 9), [row(6)]),
        (lambda rows: rows.newest("t/0", "crm", 9), ("newest", "t/0", "crm", 9), ["a"]),
        (lambda rows: rows.late(["t/0"], 5.0, 9), ("late", ["t/0"], 5.0, 9), [row(6)]),
    ],
    ids=["heads", "connections", "count", "next", "newest", "late"],
)
def test_a_read_is_as_the_table_says_and_waits_for_it(ask: Any, asked: Any, answer: Any) -> None:
    """However often PostgreSQL is away."""

    async def story(rows: ParkedRows, table: Table, waits: list[None]) -> None:
        table.away, table.answer = 2, answer
        with capture_logs() as logs:
            assert await ask(rows) == answer
        assert {line["work"] for line in logs} == {f"parked.{asked[0]}"}
        assert table.asked == [asked]
        assert len(waits) == 2

    play(story)


def test_lanes_are_loaded_each_in_its_order() -> None:
    """One without rows has none."""

    async def story(rows: ParkedRows, table: Table, waits: list[None]) -> None:
        keys = [("t/0", "b"), ("t/0", "none"), ("t/0", "a")]
        table.away, table.answer = 1, [row(1), row(3), row(2, "b")]
        with capture_logs() as logs:
            assert await rows.load(keys, 9) == [[row(2, "b")], [], [row(1), row(3)]]
        assert {line["work"] for line in logs} == {"parked.load"}
        assert table.asked == [("load", keys, 9)]
        assert len(waits) == 1

    play(story)


def test_what_it_takes_on_disk_is_asked_once() -> None:
    """Nobody waits for it."""

    async def story(rows: ParkedRows, table: Table, waits: list[None]) -> None:
        table.answer = 7
        assert await rows.bytes() == 7
        table.away = 1
        with pytest.raises(ConnectionRefusedError):
            await rows.bytes()
        assert waits == []

    play(story)


def test_what_comes_together_is_written_together_each_row_once() -> None:
    """Of two that are the same the one that was tried more often has the word."""

    async def story(rows: ParkedRows, table: Table, waits: list[None]) -> None:
        table.away = 1
        tried = row(1, attempts=2)
        with capture_logs() as logs:
            await asyncio.gather(rows.add(tried), rows.add(row(1)), rows.add(row(2)), rows.add(row(1, "b")))
        assert {line["work"] for line in logs} == {"parked.add"}
        ((what, written),) = table.asked
        assert what == "add"
        assert sorted(written, key=by) == [tried, row(1, "b"), row(2)]
        assert len(waits) == 1

    play(story)


def test_what_waits_for_a_connection_is_copied_together() -> None:
    """Each row once; thousands at a time."""

    async def story(rows: ParkedRows, table: Table, waits: list[None]) -> None:
        table.away = 1
        many = [row(number, connection="crm") for number in range(MOST_COPIED + 1)]
        with capture_logs() as logs:
            await asyncio.gather(*map(rows.copy, [many[0], *many[:-2], many[0], many[-1]]))
        assert {line["work"] for line in logs} == {"parked.copy"}
        assert [(what, len(written)) for what, written in table.asked] == [("copy", MOST_COPIED - 1), ("copy", 2)]
        assert sorted(table.asked[0][1], key=by) == many[:-2]
        assert len(waits) == 1

    play(story)


def test_what_is_gone_is_removed_together() -> None:
    """By place, lane and offset."""

    async def story(rows: ParkedRows, table: Table, waits: list[None]) -> None:
        table.away = 1
        with capture_logs() as logs:
            await asyncio.gather(rows.remove("t/0", "a", 1), rows.remove("t/1", "b", 2))
        assert {line["work"] for line in logs} == {"parked.remove"}
        assert table.asked == [("remove", [("t/0", "a", 1), ("t/1", "b", 2)])]
        assert len(waits) == 1

    play(story)


def test_what_waits_when_it_closes_is_cancelled() -> None:
    """Of each kind."""

    async def story(rows: ParkedRows, table: Table, _: list[None]) -> None:
        asked = [asyncio.create_task(one) for one in (rows.add(row(1)), rows.copy(row(2)), rows.remove("t/0", "a", 3))]
        await asyncio.sleep(0)
        await rows.close()
        await asyncio.sleep(0)
        assert all(one.cancelled() for one in asked)
        assert table.asked == []

    play(story)
