"""A signature whose secret its sender gives itself, in a header of a request of its own: the handshake of REST Hooks.

The secret is not in the sources file: whoever checks asks for those that were given (services/ingest/given_secrets.py).
Source: https://resthooks.org/docs/security/, and https://developers.asana.com/docs/webhooks-guide.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from services.ingest.auth.scheme import AuthRequest, AuthScheme, Proven, unproven
from services.ingest.auth.signature import Signature

GIVEN = re.compile(rb"[\x21-\x7e]{16,512}")
NONE_GIVEN = (
    "No secret was given to this source yet: create the webhook at the sender, which then sends one in the header {}."
)


@dataclass(frozen=True)
class GivenSecret:
    """`header`: where the secret comes. `sealing`: ours, under which it is kept. `signature` has no secret itself.

    `until`: the moment until which another secret is taken beside those that are there; the first one always is.
    """

    header: str
    signature: Signature
    sealing: tuple[bytes, ...] = field(repr=False)
    until: datetime | None = None
    needs_body: bool = True

    def given(self, request: AuthRequest) -> bytes | None:
        """The secret that a request brings; None when it brings an event. Raises Refused: 401 for none that is one."""
        found = request.header(self.header)
        if not found:
            return None
        if not GIVEN.fullmatch(found):
            raise unproven(f"The header {self.header} holds no secret: 16 to 512 signs that can be printed.")
        return found

    def waits(self, moment: datetime) -> bool:
        """Whether another secret is taken now."""
        return self.until is not None and moment < self.until

    def begin(self, request: AuthRequest) -> None:
        """Raises Refused: 401 without a signature."""
        self.signature.begin(request)

    def check(self, _request: AuthRequest) -> Proven:
        """Raises Refused: 401, as nothing is proven without the secrets."""
        raise unproven(NONE_GIVEN.format(self.header))

    def knowing(self, secrets: Sequence[bytes]) -> AuthScheme:
        """What checks a request by the secrets that were given."""
        return replace(self.signature, secrets=tuple(secrets)) if secrets else self

    @cached_property
    def _fernet(self) -> MultiFernet:
        keys = (hashlib.blake2b(one, digest_size=32, person=b"given-secret").digest() for one in self.sealing)
        return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])

    def sealed(self, secret: bytes) -> bytes:
        """As it is kept."""
        return self._fernet.encrypt(secret)

    def opened(self, rows: Iterable[bytes]) -> list[bytes]:
        """The secrets that can be read: those that another sealing secret has closed are left out."""
        found = []
        for row in rows:
            try:
                found.append(self._fernet.decrypt(row))
            except InvalidToken:
                continue
        return found
