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
) -> list[R]:
    """What `work` gives for each item, in order; for one with which it fails even alone, what `alone` makes of it.

    `work` is done again for halves, so it must bear being done twice, and it must itself wait for a part that is away:
    whatever it raises is taken for the fault of what an item holds.
    """
    if not items:
        return []
    try:
        return list(await work(items))
    except Exception as error:  # noqa: BLE001 - the last guard: `alone` tells of it
        if len(items) == 1:
            return [await alone(items[0], error)]
    half = len(items) // 2
    return [*await apart(items[:half], work, alone), *await apart(items[half:], work, alone)]
