"""Which events Kafka acknowledged to this process: only of those a redelivery may be called a duplicate.

An id is noted after the acknowledgement and at no other moment, so that a publish that failed never turns the sender's
retry into a duplicate. What decides is the claim in services/tools; this is what the sender is told.
"""

from __future__ import annotations

import time
from collections import OrderedDict


class Acknowledged:
    """Ids with the time of their acknowledgement: at most `most`, for `keep_seconds`."""

    def __init__(self, most: int, keep_seconds: float) -> None:
        self._most = most
        self._keep = keep_seconds
        self._at: OrderedDict[tuple[str, str], float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._at)

    def add(self, source: str, identity: str) -> None:
        """Kafka has this event."""
        key = (source, identity)
        self._at.setdefault(key, time.monotonic())
        if len(self._at) > self._most:
            self._at.popitem(last=False)

    def known(self, source: str, identity: str) -> bool:
        """Whether it was acknowledged, not too long ago."""
        at = self._at.get((source, identity))
        if at is None:
            return False
        if time.monotonic() - at <= self._keep:
            return True
        del self._at[source, identity]
        return False

    def anywhere(self, identity: str) -> bool:
        """Whether any source's event has this id. Looks at all of them: for people, not for the hot path."""
        return any(key[1] == identity for key in self._at)
