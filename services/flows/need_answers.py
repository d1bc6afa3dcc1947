"""What tools were told of state, kept in their run for whoever does its steps again: bounded, and in order."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from pydantic import BaseModel

from contracts.runs import NeedAnswers

MOST_BYTES = 8_192
"""Of all answers of a run, as JSON: each message of it carries them."""


def with_answers(known: Sequence[NeedAnswers] | None, step: str, answers: Sequence[object]) -> tuple[NeedAnswers, ...]:
    """Those of the run, and `answers` as what its tool at `step` was told so far. Where they do not fit, that it was.

    A step that is done anew, as after a pause, has been answered the same.
    """
    others = [one for one in known or () if one.step != step]
    told = [one.model_dump(mode="json") if isinstance(one, BaseModel) else one for one in answers]
    left = MOST_BYTES - sum(_size(one.answers) for one in others if one.answers is not None)
    fits = _size(told) <= left
    return (*others, NeedAnswers.model_construct(step=step, answers=told if fits else None))


def _size(answers: Sequence[object]) -> int:
    return len(orjson.dumps(answers, default=str))
