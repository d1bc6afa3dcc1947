"""Time-outs that share a timer are as `asyncio.timeout`."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from services.runtime.deadlines import Deadlines

LONG = 60.0
SHORT = 0.02


async def test_what_takes_longer_is_told_so() -> None:
    """Each of many, and what is in time is left alone; the next block counts from its own beginning."""
    deadlines = Deadlines(SHORT)

    async def block(seconds: float) -> str:
        with deadlines.within():
            await asyncio.sleep(seconds)
        return "in time"

    for _ in range(2):
        done = await asyncio.gather(*map(block, (LONG, 0.0, LONG, 0.0)), return_exceptions=True)
        assert [type(one) for one in done] == [TimeoutError, str, TimeoutError, str]
        assert not len(deadlines)


async def test_a_later_one_ends_after_an_earlier_one() -> None:
    """The timer of the oldest that is left is set anew."""
    deadlines = Deadlines(SHORT)
    ended: list[str] = []

    async def block(name: str) -> None:
        with contextlib.suppress(TimeoutError), deadlines.within():
            await asyncio.sleep(LONG)
        ended.append(name)

    first = asyncio.create_task(block("first"))
    await asyncio.sleep(SHORT / 2)
    second = asyncio.create_task(block("second"))
    await first
    assert ended == ["first"]
    await second
    assert ended == ["first", "second"]


async def test_whoever_is_cancelled_by_others_is_cancelled() -> None:
    """It is no time-out, also where both happen at once; and a block inside of another one ends by its own."""
    deadlines = Deadlines(LONG)

    async def block() -> None:
        with deadlines.within():
            await asyncio.sleep(LONG)

    task = asyncio.create_task(block())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not len(deadlines)

    short = Deadlines(SHORT)

    async def both() -> None:
        with short.within():
            try:
                await asyncio.sleep(LONG)
            finally:
                asyncio.current_task().cancel()  # type: ignore[union-attr]  # it runs in one
                await asyncio.sleep(0)

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(both())
    with pytest.raises(TimeoutError), deadlines.within(), short.within():
        await asyncio.sleep(LONG)
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


def test_the_same_deadlines_serve_one_event_loop_after_another() -> None:
    """The timer of a loop that ended is forgotten."""
    deadlines = Deadlines(SHORT)

    async def block() -> None:
        with deadlines.within():
            pass
        with pytest.raises(TimeoutError), deadlines.within():
            await asyncio.sleep(LONG)

    asyncio.run(block())
    asyncio.run(block())
