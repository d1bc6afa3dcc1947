"""Group commit: each gets its answer, many are done in one go, and an error is only whose it is."""

from __future__ import annotations

import asyncio

import pytest

from services.actions.batcher import Batcher


async def test_many_at_once_are_one_batch() -> None:
    """In their order, at most so many together."""
    batches: list[list[int]] = []

    async def work(items: list[int]) -> list[int]:
        batches.append(items)
        return [item * 2 for item in items]

    batcher = Batcher(work, most=4)
    assert await asyncio.gather(*(batcher.ask(number) for number in range(10))) == [n * 2 for n in range(10)]
    assert batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert await batcher.ask(21) == 42


async def test_an_error_is_raised_to_everyone_of_the_batch() -> None:
    """And the next batch is none the worse."""
    bad = True

    async def work(items: list[int]) -> list[int]:
        if bad:
            raise ZeroDivisionError
        return items

    batcher = Batcher(work)
    found = await asyncio.gather(batcher.ask(1), batcher.ask(2), return_exceptions=True)
    assert [type(one) for one in found] == [ZeroDivisionError, ZeroDivisionError]
    bad = False
    assert await batcher.ask(3) == 3


async def test_an_error_is_raised_to_whose_item_it_is() -> None:
    """The others of the batch get their answers."""

    async def work(items: list[int]) -> list[int]:
        if 3 in items:
            raise ZeroDivisionError
        return items

    batcher = Batcher(work)
    found = await asyncio.gather(*(batcher.ask(number) for number in range(6)), return_exceptions=True)
    assert [number for number, one in enumerate(found) if isinstance(one, ZeroDivisionError)] == [3]
    assert [one for one in found if isinstance(one, int)] == [0, 1, 2, 4, 5]


async def test_closing_cancels_who_waits() -> None:
    """Nothing more is done."""

    async def work(items: list[int]) -> list[int]:
        await asyncio.sleep(1000)
        return items

    batcher = Batcher(work)
    waiting = asyncio.create_task(batcher.ask(1))
    await asyncio.sleep(0.02)
    await batcher.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
