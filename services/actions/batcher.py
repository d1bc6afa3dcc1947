"""Group commit: what many ask for at the same time is done in one go."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

from services.runtime.apart import apart

A = TypeVar("A")
R = TypeVar("R")


class Batcher(Generic[A, R]):
    """`work` answers a batch, in its order. One batch is at work at a time: meanwhile the next one gathers.

    What `work` raises is the fault of one item, with which it fails even alone: it is raised to whoever asked for that.
    """

    def __init__(
        self, work: Callable[[list[A]], Awaitable[Sequence[R]]], *, most: int = 500, gather_seconds: float = 0.002
    ) -> None:
        self._work = work
        self._most = most
        self._gather_seconds = gather_seconds
        self._waiting: deque[tuple[A, asyncio.Future[R]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def ask(self, item: A) -> R:
        """The answer to one item."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await future

    async def close(self) -> None:
        """Stop at once. Who still waits is cancelled."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        while self._waiting:
            self._waiting.popleft()[1].cancel()

    async def _run(self) -> None:
        while self._waiting:
            if len(self._waiting) < self._most:
                await asyncio.sleep(self._gather_seconds)
            batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            # Who was cancelled meanwhile wants no answer, and nothing done.
            batch = [(item, future) for item, future in batch if not future.done()]
            if batch:
                await self._answer(batch)
        self._task = None

    async def _answer(self, batch: list[tuple[A, asyncio.Future[R]]]) -> None:
        async def work(part: Sequence[tuple[A, asyncio.Future[R]]]) -> list[None]:
            answers = await self._work([item for item, _ in part])
            for (_, future), answer in zip(part, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
            return [None] * len(part)

        async def alone(one: tuple[A, asyncio.Future[R]], error: Exception) -> None:
            if not one[1].done():
                one[1].set_exception(error)

        try:
            await apart(batch, work, alone)
        except asyncio.CancelledError:
            for _, future in batch:
                future.cancel()
            raise
