"""What the processor does about echoes: remember writes before they are asked for, judge what comes in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import asyncpg

from contracts.actions import ActionRequest
from contracts.events import Event
from services.flows.sync import Write
from services.runtime import database, logging
from services.tools import metrics
from services.tools.echoes.echo_tables import EchoTables
from services.tools.echoes.echo_verdict import EchoVerdict, Told
from services.tools.echoes.loop_limits import LoopLimits

log = logging.get("echoes")


class Echoes(Protocol):
    """None of these raises for a part that is away: they wait."""

    async def write(self, writes: Sequence[tuple[ActionRequest, Write]]) -> None:
        """Remember what these requests will set and make, before they are published."""
        ...

    async def judge(self, changes: Sequence[tuple[Event, Told]]) -> Sequence[EchoVerdict]:
        """What becomes of these events, in their order."""
        ...


class NoSuppression:
    """No suppression: every change passes, and two flows that answer each other loop."""

    async def write(self, writes: Sequence[tuple[ActionRequest, Write]]) -> None:
        """Remember nothing."""

    async def judge(self, changes: Sequence[tuple[Event, Told]]) -> Sequence[EchoVerdict]:
        """Let all pass."""
        return [EchoVerdict("passed", "suppression is switched off", event) for event, _ in changes]


class DatabaseEchoes:
    """Echoes in PostgreSQL. `on_wait` is called while it is away."""

    def __init__(self, pool: asyncpg.Pool, limits: LoopLimits, on_wait: Callable[[], object] = lambda: None) -> None:
        self._store = EchoTables(pool, limits)
        self._on_wait = on_wait

    async def write(self, writes: Sequence[tuple[ActionRequest, Write]]) -> None:
        """Remember what these requests will set and make, before they are published."""
        if writes:
            await database.patiently("echoes.write", lambda: self._store.write(writes), self._on_wait)

    async def judge(self, changes: Sequence[tuple[Event, Told]]) -> Sequence[EchoVerdict]:
        """What becomes of these events, in their order. Counts them; tells of those that are held."""
        if not changes:
            return []
        verdicts = await database.patiently("echoes.judge", lambda: self._store.judge(changes), self._on_wait)
        for (event, change), verdict in zip(changes, verdicts, strict=True):
            metrics.SYNC_CHANGES.labels(verdict.decision).inc()
            metrics.SYNC_ALTERED.inc(verdict.near)
            if verdict.decision == "held":
                log.error("change.held", event_id=event.id, entity=change.entity, why=verdict.why)
        return verdicts


def made(pool: asyncpg.Pool, limits: LoopLimits, on_wait: Callable[[], object] = lambda: None) -> Echoes:
    """As the settings say."""
    return DatabaseEchoes(pool, limits, on_wait) if limits.on else NoSuppression()
