"""Processes inside one event loop: each can be killed at any of its awaits, or stand still for a while.

What is begun inside a process belongs to it: its tasks and timers. When it dies none of them goes on, and none is told:
no `finally`, no CancelledError, as with SIGKILL. What others do for it meanwhile (a server, a broker) goes on.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")
MOST_FINALLY = 20
_INSIDE: contextvars.ContextVar[Process | None] = contextvars.ContextVar("_INSIDE", default=None)


class Process:
    """`steps` are the awaits that it came back from so far; at number `dies_at` it dies, and `died` is called."""

    def __init__(self, name: str, died: Callable[[Process], object] = lambda _: None) -> None:
        self.name = name
        self.dead = False
        self.still_until = 0.0
        self.steps = 0
        self.dies_at: int | None = None
        self._died = died
        self._works: set[_Stepped[Any]] = set()
        self._context = contextvars.Context()
        self._context.run(_INSIDE.set, self)

    def __repr__(self) -> str:
        return self.name

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task of it."""
        return asyncio.get_running_loop().create_task(work, context=self._context.copy())

    def kill(self) -> None:
        """As SIGKILL."""
        if not self.dead:
            self.dead = True
            self._died(self)

    def keep(self, work: _Stepped[Any]) -> None:
        """Until it has ended: nobody tidies up behind the dead, the garbage collector neither."""
        self._works.add(work)

    def ended(self, work: _Stepped[Any]) -> None:
        """It has."""
        self._works.discard(work)

    def bury(self) -> None:
        """Once nobody looks any more: what is left of it goes."""
        self.kill()
        while self._works:
            self._works.pop().bury()

    def stepped(self) -> bool:
        """It comes back from an await; False: it is dead, also by this one."""
        self.steps += 1
        if self.dies_at is not None and self.steps >= self.dies_at:
            self.kill()
        return not self.dead


def inside() -> Process | None:
    """The process that is at work."""
    return _INSIDE.get()


def outside(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task of no process: what a server does with a request goes on when the caller is dead."""
    return asyncio.get_running_loop().create_task(work, context=contextvars.Context())


class _Stepped(Coroutine[Any, Any, T]):
    """The work of a task, that goes on only while its process does."""

    def __init__(self, work: Coroutine[Any, Any, T], process: Process) -> None:
        self._work = work
        self._process = process
        process.keep(self)
        self.__name__ = getattr(work, "__name__", "work")
        self.__qualname__ = getattr(work, "__qualname__", "work")

    def send(self, value: Any) -> Any:
        process = self._process
        if process.dead or not process.stepped():
            return _never()
        if process.still_until > (loop := asyncio.get_running_loop()).time():
            return _until(loop, process)
        try:
            return self._work.send(value)
        except BaseException:
            process.ended(self)
            raise

    def throw(self, *error: Any) -> Any:
        if self._process.dead:
            raise asyncio.CancelledError
        try:
            return self._work.throw(*error)
        except BaseException:
            self._process.ended(self)
            raise

    def close(self) -> None:
        if not self._process.dead:
            self._work.close()

    def bury(self) -> None:
        for _ in range(MOST_FINALLY):  # each `finally` that awaits something needs one more
            with suppress(BaseException):
                self._work.close()
                break

    def __await__(self) -> Generator[Any, Any, T]:
        return self._work.__await__()


def _never() -> asyncio.Future[None]:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future._asyncio_future_blocking = True  # as `yield` of a future in its __await__
    return future


def _until(loop: asyncio.AbstractEventLoop, process: Process) -> asyncio.Future[None]:
    future = _never()

    def wake() -> None:
        if not future.done():
            future.set_result(None)

    timer = contextvars.Context().run(loop.call_at, process.still_until, wake)
    future.add_done_callback(lambda _: timer.cancel())
    return future


class Loop(asyncio.SelectorEventLoop):
    """Its tasks and timers go on only while their process does."""

    def call_at(  # type: ignore[override]  # as typeshed has it, with a tuple of types
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """As any loop's, but a dead process's timer does nothing, and one that stands still is late."""
        process = _of(context)
        if process is None:
            return super().call_at(when, callback, *args, context=context)
        given: list[asyncio.TimerHandle] = []
        handle = super().call_at(when, partial(self._timed, process, given, callback), *args, context=context)
        given.append(handle)
        return handle

    def _timed(
        self, process: Process, given: list[asyncio.TimerHandle], callback: Callable[..., object], *args: Any
    ) -> None:
        if process.dead or given[0].cancelled():  # also while it stood still
            return
        if process.still_until > self.time():
            super().call_at(process.still_until, partial(self._timed, process, given, callback), *args)
        else:
            callback(*args)


def task(loop: asyncio.AbstractEventLoop, work: Any, context: contextvars.Context | None = None) -> asyncio.Task[Any]:
    """The loop's task factory."""
    process = _of(context)
    return asyncio.Task(work if process is None else _Stepped(work, process), loop=loop, context=context)


def _of(context: contextvars.Context | None) -> Process | None:
    return _INSIDE.get() if context is None else context.get(_INSIDE)
