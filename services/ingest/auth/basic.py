"""`Authorization: Basic …`: a user and a password. RFC 7617."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

from services.ingest.auth.scheme import AuthRequest, Proven, same, unproven


@dataclass(frozen=True)
class Basic:
    """A user with one or two live passwords."""

    user: str
    passwords: tuple[bytes, ...] = field(repr=False)
    needs_body: bool = False

    def check(self, request: AuthRequest) -> Proven:
        """Raises Refused: 401."""
        scheme, _, credentials = request.header("authorization").partition(b" ")
        try:
            sent = base64.b64decode(credentials.strip(), validate=True)
        except binascii.Error:
            sent = b""
        user = self.user.encode()
        if not same(sent, [user + b":" + password for password in self.passwords]) or scheme.lower() != b"basic":
            raise unproven(
                "Send `Authorization: Basic …` with the user and password of this source.", challenge="Basic"
            )
        return Proven()
