"""One proof that a publisher shows under one of several names of headers."""

from __future__ import annotations

from dataclasses import dataclass

from services.ingest.auth.scheme import AuthRequest, Proven
from services.ingest.auth.signature import Signature


@dataclass(frozen=True)
class FirstShown:
    """The first of the signatures whose header is there counts, and no other; none: the first says what is missing."""

    signatures: tuple[Signature, ...]
    needs_body: bool = True

    def begin(self, request: AuthRequest) -> None:
        """Raises Refused: 401."""
        self._shown(request).begin(request)

    def check(self, request: AuthRequest) -> Proven:
        """Raises Refused: 401."""
        return self._shown(request).check(request)

    def _shown(self, request: AuthRequest) -> Signature:
        return next((one for one in self.signatures if request.header(one.header)), self.signatures[0])
