"""What the processor does with waits: set them, end them by events, and let each end once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

import asyncpg

from contracts.events import Event
from services.runtime import database
from services.tools import claims
from services.tools.claims import EventClaim
from services.tools.timers.timer import EndedWait, Timer
from services.tools.timers.timer_table import TimerTable

SCOPE = "timer"


class Timers(Protocol):
    """The waits of an installation. None of these raises for a part that is away: they wait."""

    async def set(self, timers: Sequence[Timer]) -> None:
        """Set them; those that are there already stay as they are."""
        ...

    async def ended_by(self, events: Sequence[tuple[str, Event]]) -> Sequence[EndedWait]:
        """The waits that events end, by the hashes of what they are, each with the first event that ends it."""
        ...

    async def delete(self, timers: Sequence[UUID]) -> None:
        """These are over, and Kafka has acknowledged it."""
        ...

    async def first(self, wishes: Sequence[EventClaim]) -> Sequence[bool]:
        """For each record that ends a wait, whether it is the first of them. Its own replay is."""
        ...


class DatabaseTimers:
    """Timers in PostgreSQL. `on_wait` is called while it is away."""

    def __init__(self, pool: asyncpg.Pool, keep: timedelta, on_wait: Callable[[], object] = lambda: None) -> None:
        self._pool = pool
        self._store = TimerTable(pool)
        self._keep = keep
        self._on_wait = on_wait

    async def set(self, timers: Sequence[Timer]) -> None:
        """Set them; those that are there already stay as they are."""
        if timers:
            await database.patiently("timers.set", lambda: self._store.set(timers), self._on_wait)

    async def ended_by(self, events: Sequence[tuple[str, Event]]) -> Sequence[EndedWait]:
        """The waits that events end, by the hashes of what they are, each with the first event that ends it."""
        if not events:
            return []
        return await database.patiently("timers.ended_by", lambda: self._store.ended_by(events), self._on_wait)

    async def delete(self, timers: Sequence[UUID]) -> None:
        """These are over, and Kafka has acknowledged it."""
        if timers:
            await database.patiently("timers.delete", lambda: self._store.delete(timers), self._on_wait)

    async def first(self, wishes: Sequence[EventClaim]) -> Sequence[bool]:
        """For each record that ends a wait, whether it is the first of them. Its own replay is."""
        if not wishes:
            return []
        return await database.patiently(
            "timers.first", lambda: claims.claim(self._pool, SCOPE, wishes, self._keep), self._on_wait
        )
