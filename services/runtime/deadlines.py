"""Time-outs of one length for many tasks: `asyncio.timeout` sets and ends a timer for each, these share one.

What began first ends first, so that a timer for the oldest is enough.
"""

from __future__ import annotations

import asyncio
from types import TracebackType


class Deadlines:
    """Blocks of code that may each take so many seconds. They belong to the event loop that runs."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._running: dict[Deadline, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __len__(self) -> int:
        return len(self._running)

    def within(self) -> Deadline:
        """To be entered with `with`. Raises TimeoutError where the block takes longer, as `asyncio.timeout` does."""
        return Deadline(self)

    def begun(self, one: Deadline, loop: asyncio.AbstractEventLoop) -> None:
        """It runs from now on."""
        if loop is not self._loop:
            self._loop, self._timer = loop, None
        self._running[one] = None
        if self._timer is None:
            self._timer = loop.call_at(one.end, self._look, loop)

    def ended(self, one: Deadline) -> None:
        """It runs no longer."""
        self._running.pop(one, None)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """End those that are over, and wait for the next one. Nothing is set while none runs."""
        now = loop.time()
        self._timer = None
        while (oldest := next(iter(self._running), None)) is not None:
            if oldest.end > now:
                self._timer = loop.call_at(oldest.end, self._look, loop)
                return
            self.ended(oldest)
            oldest.expire()


class Deadline:
    """One block. As `asyncio.Timeout`, it tells its own cancellation from anybody else's."""

    __slots__ = ("_all", "_cancelling", "_expired", "_task", "end")

    def __init__(self, of: Deadlines) -> None:
        self._all = of
        self._expired = False

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - whatever awaits is one
        self._task = task
        self._cancelling = task.cancelling()
        self.end = loop.time() + self._all.seconds
        self._all.begun(self, loop)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._expired:
            self._all.ended(self)
        elif self._task.uncancel() <= self._cancelling and isinstance(error, asyncio.CancelledError):
            raise TimeoutError from error

    def expire(self) -> None:
        """Cancel what its task waits for."""
        self._expired = True
        self._task.cancel()
