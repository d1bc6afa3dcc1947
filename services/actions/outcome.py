"""What came of an attempt, or of a whole request: one of two, for all rooms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from contracts.errors import ErrorCode
from services.actions.action_call import CallFailedError
from services.flows.catalogue import Guarantee

UNREPEATED = ". The effect may have happened, so the call was not repeated: look at the destination"


@dataclass(frozen=True, slots=True)
class Done:
    """The action did what it promises."""

    outputs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """It did not. `again`: a further attempt is harmless and may succeed.

    `maybe`: the effect may be there all the same. `unknown`: and it must not be there twice, so a person decides.
    `away`: nothing was sent, for a cause that all calls of the connection have now. `status`: what was answered.
    """

    code: ErrorCode
    cause: str
    again: bool
    retry_after_seconds: float | None = None
    maybe: bool = False
    unknown: bool = False
    away: bool = False
    status: int | None = None

    @classmethod
    def of(cls, error: CallFailedError, guarantee: Guarantee | None) -> Failed:
        """What a failed call means for its request: one that may have been made is made again only if it may be."""
        unknown = error.effect_possible and guarantee is Guarantee.AT_MOST_ONCE
        cause = error.cause + (UNREPEATED if unknown else "")
        again = error.retriable and not unknown
        return cls(
            error.code,
            cause,
            again,
            error.retry_after_seconds,
            error.effect_possible,
            unknown,
            error.away,
            error.status,
        )
