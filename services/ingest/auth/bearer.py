"""`Authorization: Bearer TOKEN`. RFC 6750."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.ingest.auth.scheme import AuthRequest, Proven, same, unproven


@dataclass(frozen=True)
class Bearer:
    """One or two live tokens."""

    tokens: tuple[bytes, ...] = field(repr=False)
    needs_body: bool = False

    def begin(self, request: AuthRequest) -> None:
        """Raises Refused: 401."""
        self.check(request)

    def check(self, request: AuthRequest) -> Proven:
        """Raises Refused: 401."""
        if not same(request.bearer(), self.tokens):
            raise unproven("Send `Authorization: Bearer TOKEN` with the token of this source.", challenge="Bearer")
        return Proven()
