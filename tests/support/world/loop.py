"""An event loop whose time is made: it stands still while something can be done, and leaps to the next timer."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tests.support.world import processes

T = TypeVar("T")


class _Leaps(selectors.SelectSelector):
    """Instead of waiting, time is moved."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everybody waits, and nobody for a timer: nothing goes on any more")
        self.now += max(0.0, timeout)
        return super().select(0)


def run(story: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run it on such a loop, from second 1,000 on; `asyncio.get_running_loop().time` is its clock."""

    def made() -> asyncio.AbstractEventLoop:
        leaps = _Leaps()
        loop = processes.Loop(leaps)
        loop.time = lambda: leaps.now  # type: ignore[method-assign]
        loop.set_task_factory(processes.task)
        return loop

    with asyncio.Runner(loop_factory=made) as runner:
        return runner.run(story())
