"""How long to wait before the same is tried again: one rule for all that waits for a part of ours to return.

What a destination is given stands with the call's own schedule, in services/actions.
"""

from __future__ import annotations

import asyncio
import random

FIRST_SECONDS = 0.1
LONGEST_SECONDS = 2.0
"""So that work goes on within seconds of the part's return, however long it was away."""


class BackOff:
    """The waits of one loop, from one success to the next: each twice as long, at most two seconds.

    Half of each is left to chance: many workers that lost the same part do not come back at the same moment.
    """

    def __init__(self) -> None:
        self.attempt = 0
        self._told: type[BaseException] | None = None

    def worked(self) -> None:
        """The next wait is a first one."""
        self.attempt = 0
        self._told = None

    def news(self, error: BaseException) -> bool:
        """Whether it fails in another way than before: an hour's wait is no reason for an hour of lines."""
        told, self._told = self._told, type(error)
        return told is not self._told

    def failed(self) -> float:
        """Count a failure; answer for how many seconds to wait."""
        self.attempt += 1
        longest = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(self.attempt - 1, 10))
        return random.uniform(0.5, 1.0) * longest  # noqa: S311 - no secret

    async def wait(self) -> None:
        """Count a failure, and wait."""
        await asyncio.sleep(self.failed())
