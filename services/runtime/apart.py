"""Work on many at once, of which one may be bad: it is found, and the others have their work done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def apart(
    items: Sequence[T],
    work: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
    alone: Callable[[T, Exception], Awaitable[R]],
    *,
    passes: Callable[[Exception], bool] = lambda _: False,
) -> list[R]:
    """What `work` gives for each item, in order; for one with which it fails even alone, what `alone` makes of it.

    `work` is done again for halves, so it must bear being done twice. Whatever it raises is taken for the fault of what
    an item holds, but for what `passes`: that is raised. By default nothing does: it waits itself for what is away.
    """
    if not items:
        return []
    try:
        return list(await work(items))
    except Exception as error:
        if passes(error):
            raise
        if len(items) == 1:
            return [await alone(items[0], error)]
    half = len(items) // 2
    return [
        *await apart(items[:half], work, alone, passes=passes),
        *await apart(items[half:], work, alone, passes=passes),
    ]
