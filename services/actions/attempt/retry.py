"""When a failed call is made again: by the flow's schedule, else full jitter, exponential; Retry-After is honoured.

Full jitter because it spreads a crowd of failed calls best:
https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from contracts.actions import LONGEST_WAIT_SECONDS, Retry
from services.actions.limits.evidence import Word, word_of
from services.actions.outcome import Failed

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 60.0
LONGEST_FREE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """Data only: what was decided for one request."""

    attempts: int
    within_seconds: float
    first_seconds: float = FIRST_SECONDS
    longest_seconds: float = LONGEST_SECONDS
    waits: tuple[float, ...] = ()

    @classmethod
    def of(cls, retry: Retry) -> Schedule:
        """As the flow says."""
        return cls(retry.attempts, retry.within_seconds, waits=tuple(retry.schedule_seconds or ()))

    def wait_seconds(
        self,
        attempts_made: int,
        elapsed_seconds: float,
        retry_after_seconds: float | None = None,
        *,
        chance: Callable[[], float],
    ) -> float | None:
        """How long to wait before the next attempt; None: no more.

        `elapsed_seconds` since the first attempt began; `chance` from 0 to below 1. A Retry-After
        is waited for, however long: an earlier try is not wanted, and its time does not count.
        """
        if attempts_made >= self.attempts:
            return None
        told = 0.0 if retry_after_seconds is None else min(retry_after_seconds, LONGEST_WAIT_SECONDS)
        # A little jitter also where a moment is given: all who were told the same would come back at once.
        little = chance() * self.first_seconds
        if attempts_made <= len(self.waits):
            wait = max(self.waits[attempts_made - 1], told) + little
        elif retry_after_seconds is not None:
            wait = told + little
        else:
            wait = chance() * min(self.longest_seconds, self.first_seconds * 2.0 ** min(attempts_made - 1, 60))
        return wait if elapsed_seconds + wait - told <= self.within_seconds else None


def free_wait_seconds(free: int, retry_after_seconds: float | None, *, chance: Callable[[], float]) -> float:
    """How long a call waits after so many free attempts: what it waits for says when it is well."""
    wait = chance() * min(LONGEST_FREE_SECONDS, FIRST_SECONDS * 2.0 ** min(free, 60))
    return wait if retry_after_seconds is None else min(retry_after_seconds, LONGEST_WAIT_SECONDS) + wait


def may_be_denied_to_all(failed: Failed, connection: str) -> bool:
    """Whether what would be final was only denied (403, 405): then it may be so for all calls, and for now."""
    return bool(connection) and not failed.again and not failed.unknown and word_of(failed) is Word.DENIED
