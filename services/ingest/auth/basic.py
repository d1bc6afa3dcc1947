"""`Authorization: Basic …`: a user and a password. RFC 7617."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.ingest.auth.scheme import AuthRequest, Proven, same, unproven


@dataclass(frozen=True)
class Basic:
    """A user with one or two live passwords."""

    user: str
    passwords: tuple[bytes, ...] = field(repr=False)
    needs_body: bool = False

    def begin(self, request: AuthRequest) -> None:
        """Raises Refused: 401."""
        self.check(request)

    def check(self, request: AuthRequest) -> Proven:
        """Raises Refused: 401."""
        user = self.user.encode()
        if not same(request.credentials(), [user + b":" + password for password in self.passwords]):
            raise unproven(
                "Send `Authorization: Basic …` with the user and password of this source.", challenge="Basic"
            )
        return Proven()
