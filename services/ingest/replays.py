"""Signed requests that were taken already: refused where a source says `replay: refuse`."""

from __future__ import annotations

import time
from collections import OrderedDict
from hashlib import blake2b
from http import HTTPStatus

from contracts.errors import ErrorCode
from services.ingest.auth.proof import Request
from services.ingest.problems import Refused

MOST = 100_000
SIGNING = (b"signature", b"timestamp", b"webhook-id", b"authorization")


class Replays:
    """What was taken within the last `keep_seconds`, in this process.

    Noted only after Kafka acknowledged, so that the retry after a 503 is no replay. Other replicas do not know of it:
    there the same request is a duplicate that starts nothing.
    """

    def __init__(self, keep_seconds: float = 86_400.0) -> None:
        self._keep = keep_seconds
        self._seen: OrderedDict[bytes, float] = OrderedDict()

    def check(self, source: str, request: Request) -> bytes:
        """The mark of this request. Raises Refused: 409 when it was taken before."""
        digest = blake2b(source.encode(), digest_size=16)
        for name, value in sorted(request.headers.items()):
            if any(part in name for part in SIGNING):
                digest.update(name + b"\0" + value + b"\0")
        digest.update(request.body)
        mark = digest.digest()
        at = self._seen.get(mark)
        if at is not None and time.monotonic() - at <= self._keep:
            raise Refused(
                HTTPStatus.CONFLICT,
                ErrorCode.REPLAYED,
                "This very request, with its signature, was taken already. Nothing is to be done.",
            )
        return mark

    def add(self, mark: bytes) -> None:
        """It was taken."""
        self._seen[mark] = time.monotonic()
        if len(self._seen) > MOST:
            self._seen.popitem(last=False)
