"""What state machines against PostgreSQL share: a world of their own, how often they try, and where workers die."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import asyncpg
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from services.runtime.database import connect, migrate
from tests.support.breaking import BreakingPool

T = TypeVar("T")
RULES = settings(
    max_examples=60,
    stateful_step_count=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
DIES = st.none() | st.integers(0, 7)
"""Before which statement, or after whose commit, the worker dies; none: it lives. No work here has more steps."""


class World:
    """An event loop of its own and a pool, for a state machine, whose rules are no coroutines."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self.run(migrate(url))
        self.pool: asyncpg.Pool = self.run(connect(url))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Its result."""
        return self._runner.run(work)

    def attempt(self, work: Callable[[asyncpg.Pool], Awaitable[T]], dies: int | None) -> T | None:
        """What a worker that may die makes of it; None when it died."""

        async def done() -> T:
            return await work(BreakingPool.of(self.pool, dies))

        try:
            return self.run(done())  # type: ignore[no-any-return]
        except ConnectionResetError:
            assert dies is not None
            return None

    def close(self) -> None:
        """Leave nothing open."""
        self.run(self.pool.execute("truncate timers"))
        self.pool.terminate()
        self._runner.close()


def bound(machine: type[T], world: World) -> type[T]:
    """The machine in this world."""
    return type(machine.__name__, (machine,), {"world": world})
