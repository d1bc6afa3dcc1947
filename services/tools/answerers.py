"""Who answers what tools await. One answerer a kind of need; it is asked once for all runs of a batch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.flows.needs import Need

Answerer = Callable[[Sequence[Need[Any]]], Awaitable[Sequence[object]]]
"""Takes the needs of one kind, gives one answer each, in their order. What it raises is a bug of every run that asked,
but for a part that is away: that it must wait for itself."""

Answerers = Mapping[type[Need[Any]], Answerer]


@dataclass(frozen=True, slots=True)
class Unanswered:
    """In place of an answer: there is none, and why."""

    error: Exception


async def answer(answerers: Answerers, needs: Sequence[Need[Any]]) -> list[object | Unanswered]:
    """One answer a need, in order. Never raises."""
    answers: list[object | Unanswered] = [Unanswered(LookupError("not asked"))] * len(needs)
    kinds: dict[type[Need[Any]], list[int]] = {}
    for position, need in enumerate(needs):
        kinds.setdefault(type(need), []).append(position)
    for kind, positions in kinds.items():
        given: Sequence[object | Unanswered]
        try:
            if kind not in answerers:
                raise LookupError(f"nobody answers the need {kind.__name__!r}")  # noqa: TRY301 - one place makes an answer of it
            given = await answerers[kind]([needs[position] for position in positions])
            if len(given) != len(positions):
                raise ValueError(f"{len(given)} answers for {len(positions)} needs {kind.__name__!r}")  # noqa: TRY301 - as above
        except Exception as error:  # noqa: BLE001 - it becomes a dead letter of each run that asked
            given = [Unanswered(error)] * len(positions)
        for position, one in zip(positions, given, strict=True):
            answers[position] = one
    return answers
