"""Which events Kafka acknowledged to this process: only of those a redelivery may be called a duplicate.

An id is noted after the acknowledgement and at no other moment, so that a publish that failed never turns the sender's
retry into a duplicate. What decides is the claim in services/tools; this is what the sender is told.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

Origin = tuple[str, str]
"""An account and a source of its events: of another account, the same id is another event."""


class AcknowledgedIds:
    """Ids with the time until which they count: at most `most`, for `keep_seconds` or as long as an event says.

    An id that was made of a content counts only until another event of its subject came, as services/tools decides it;
    what came through other replicas is not known here.
    """

    def __init__(self, most: int, keep_seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._keep = keep_seconds
        self._now = now
        self._until: OrderedDict[tuple[Origin, str], float] = OrderedDict()
        self._latest: OrderedDict[tuple[Origin, bytes], tuple[str, set[str]]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._until)

    def add(
        self,
        origin: Origin,
        identity: str,
        keep_seconds: float | None = None,
        subject: bytes = b"",
        content: str | None = None,
    ) -> None:
        """Kafka has this event, under the key `subject`. `content`: of which its id was made, if it was."""
        again = self.known(origin, identity)
        if content is not None or not again:
            self._supersede(origin, subject, identity, content)
        keep = self._keep if keep_seconds is None else keep_seconds
        self._until.setdefault((origin, identity), self._now() + keep)
        if len(self._until) > self._most:
            self._until.popitem(last=False)

    def _supersede(self, origin: Origin, subject: bytes, identity: str, content: str | None) -> None:
        latest = self._latest.get((origin, subject))
        if latest is not None and latest[0] != content:
            for other in latest[1]:
                self._until.pop((origin, other), None)
            del self._latest[origin, subject]
        if content is not None:
            self._latest.setdefault((origin, subject), (content, set()))[1].add(identity)
            if len(self._latest) > self._most:
                self._latest.popitem(last=False)

    def known(self, origin: Origin, identity: str) -> bool:
        """Whether it was acknowledged, not too long ago."""
        until = self._until.get((origin, identity))
        if until is None:
            return False
        if self._now() <= until:
            return True
        del self._until[origin, identity]
        return False

    def origins(self, identity: str) -> list[Origin]:
        """Whose events have this id. Looks at all of them: for people, not for the hot path."""
        return [origin for origin, known in self._until if known == identity]
