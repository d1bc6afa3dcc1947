"""Since when a source is refused, for an alert: one series a source, with its last cause."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from contracts.errors import ErrorCode
from services.ingest import metrics
from services.runtime.dead_letters.groups import shape

QUIET_SECONDS = 3600.0
"""A source of which nothing was refused for so long is refused no more. What is accepted meanwhile says nothing: a
sender's orders can be taken, and its refunds refused."""
LONGEST_CAUSE = 160


@dataclass
class _Refused:
    since: float
    last: float
    code: str
    cause: str


class RefusedSince:
    """The gauge `flows_source_refused_since_timestamp_seconds`, of this process. Causes are without what varies."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._sources: dict[str, _Refused] = {}

    def refused(self, source: str, code: ErrorCode, cause: str) -> None:
        """Something of it was refused now."""
        now, told = self._now(), shape(cause)[:LONGEST_CAUSE]
        known = self._sources.get(source)
        since = now if known is None or now - known.last > QUIET_SECONDS else known.since
        if known is not None and (known.code, known.cause) != (code.value, told):
            metrics.REFUSED_SINCE.remove(source, known.code, known.cause)
        self._sources[source] = _Refused(since, now, code.value, told)
        metrics.REFUSED_SINCE.labels(source=source, code=code.value, cause=told).set(since)

    def forget_quiet(self) -> None:
        """Take sources away of which nothing was refused for an hour. To be called from time to time."""
        now = self._now()
        for source, known in list(self._sources.items()):
            if now - known.last > QUIET_SECONDS:
                del self._sources[source]
                metrics.REFUSED_SINCE.remove(source, known.code, known.cause)
