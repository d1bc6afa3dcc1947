"""The table `parked` for one worker: reads wait while PostgreSQL is away, writes gather in batches and wait as well."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from services.actions.batcher import Batcher
from services.actions.queue.parked_table import Head, Parked, ParkedTable
from services.runtime import database

T = TypeVar("T")
Asked = tuple[Parked, Callable[[], bool]]
MOST_COPIED = 2_000


class ParkedRows:
    """`on_wait` is called while PostgreSQL is away. What it cannot hold is raised to whoever asked for that row.

    A row is written only while it is `wanted`: not when PostgreSQL is back, and its partition was given up meanwhile.
    """

    def __init__(self, table: ParkedTable, on_wait: Callable[[], object]) -> None:
        self._table = table
        self._on_wait = on_wait
        self._adder: Batcher[Asked, None] = Batcher(lambda asked: self._write("add", table.add, asked))
        self._copier: Batcher[Asked, None] = Batcher(
            lambda asked: self._write("copy", table.copy, asked), most=MOST_COPIED
        )
        self._remover: Batcher[tuple[str, str, int], None] = Batcher(self._remove)

    async def add(self, row: Parked, wanted: Callable[[], bool] = lambda: True) -> None:
        """Keep a row, or change when it is due."""
        await self._adder.ask((row, wanted))

    async def copy(self, row: Parked, wanted: Callable[[], bool] = lambda: True) -> None:
        """Keep a row that waits for a connection, by COPY."""
        await self._copier.ask((row, wanted))

    async def remove(self, place: str, lane: str, offset: int) -> None:
        """Forget a row."""
        await self._remover.ask((place, lane, offset))

    async def heads(self, place: str) -> list[Head]:
        """The lanes that wait by themselves."""
        return await self._patiently("heads", lambda: self._table.heads(place))

    async def connections(self, place: str) -> list[str]:
        """The connections that rows of a place wait for."""
        return await self._patiently("connections", lambda: self._table.connections(place))

    async def count(self, place: str) -> int:
        """How many rows a place has: seconds, where millions wait."""
        return await self._patiently("count", lambda: self._table.count(place))

    async def next(self, place: str, connection: str, after: int, most: int) -> list[Parked]:
        """What waits for a connection behind an offset, in order."""
        return await self._patiently("next", lambda: self._table.next(place, connection, after, most))

    async def newest(self, place: str, connection: str, most: int) -> list[str]:
        """The lanes of what came last of it."""
        return await self._patiently("newest", lambda: self._table.newest(place, connection, most))

    async def late(self, places: Sequence[str], wall: float, most: int) -> list[Parked]:
        """What is past its deadline at a moment, in seconds since 1970."""
        return await self._patiently("late", lambda: self._table.late(places, wall, most))

    async def load(self, keys: Sequence[tuple[str, str]], most: int) -> list[list[Parked]]:
        """The first rows of each of these lanes, in order."""
        found: dict[tuple[str, str], list[Parked]] = {}
        for row in await self._patiently("load", lambda: self._table.load(keys, most)):
            found.setdefault((row.place, row.lane), []).append(row)
        return [found.get(key, []) for key in keys]

    async def bytes(self) -> int:
        """What all of it takes on disk. Raises one of database.FAULTS: nobody waits for this one."""
        return await self._table.bytes()

    async def close(self) -> None:
        """Stop at once."""
        for batcher in (self._adder, self._copier, self._remover):
            await batcher.close()

    async def _patiently(self, what: str, work: Callable[[], Awaitable[T]]) -> T:
        return await database.patiently(f"parked.{what}", work, self._on_wait)

    async def _write(
        self, what: str, write: Callable[[Sequence[Parked]], Awaitable[None]], asked: Sequence[Asked]
    ) -> Sequence[None]:
        async def wanted() -> None:
            # A record can come twice: taken anew from Kafka, and loaded from here. One that was tried has the word.
            rows = sorted((row for row, is_wanted in asked if is_wanted()), key=lambda row: row.attempts)
            if once := {(row.place, row.lane, row.record.offset): row for row in rows}:
                await write(list(once.values()))

        await self._patiently(what, wanted)
        return [None] * len(asked)

    async def _remove(self, rows: list[tuple[str, str, int]]) -> Sequence[None]:
        await self._patiently("remove", lambda: self._table.remove(rows))
        return [None] * len(rows)
