"""Who answers what tools await. An answerer is asked once for a whole batch, and may serve several kinds of need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from services.flows.needs import Need
from services.flows.state.cells import Asked
from services.runtime.apart import apart

Answerer = Callable[[Sequence[Asked]], Awaitable[Sequence[object]]]
"""Takes needs with who asks, gives one answer each, in their order; an exception in place of one is a bug of that run.
What it raises is a bug of the run with whose need it does so even alone. For a part that is away it must wait itself.
Asked again by the same, it answers the same."""

Answerers = Mapping[type[Need[Any]], Answerer]


@dataclass(frozen=True, slots=True)
class Unanswered:
    """In place of an answer: there is none, and why."""

    error: Exception


async def answer(answerers: Answerers, asks: Sequence[Asked]) -> list[object | Unanswered]:
    """One answer an ask, in order. Never raises."""
    answers: list[object | Unanswered] = [
        Unanswered(LookupError(f"nobody answers the need {type(asked.need).__name__!r}")) for asked in asks
    ]
    served: dict[Answerer, list[int]] = {}
    for position, asked in enumerate(asks):
        answerer = answerers.get(type(asked.need))
        if answerer is not None:
            served.setdefault(answerer, []).append(position)
    for answerer, positions in served.items():
        given = await apart([asks[position] for position in positions], partial(_given, answerer), _its_own)
        for position, one in zip(positions, given, strict=True):
            answers[position] = Unanswered(one) if isinstance(one, Exception) else one
    return answers


async def _given(answerer: Answerer, asks: Sequence[Asked]) -> Sequence[object]:
    given = await answerer(asks)
    if len(given) != len(asks):
        raise ValueError(f"{len(given)} answers for {len(asks)} needs")
    return given


async def _its_own(_asked: Asked, error: Exception) -> object:
    return error
