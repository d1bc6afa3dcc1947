"""A signature over the raw body: HMAC with a shared secret, in every form that publishers use.

The bytes that were sent are signed, before anything is parsed. Each of two live secrets is tried, so that a secret is
changed without losing a request. Comparison is constant time.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product
from typing import Literal

from services.ingest.auth.scheme import AuthRequest, Proven, unproven

Encoding = Literal["hex", "base64"]
Algorithm = Literal["sha1", "sha256", "sha512"]
MILLISECOND = 0.001


@dataclass(frozen=True)
class SignatureTime:
    """When it was signed: a header (or `of`), its unit in seconds, how far from now it may be.

    No unit: it is a date and time of ISO 8601, in UTC where it names no zone.
    """

    header: str = ""
    unit_seconds: float | None = 1.0
    tolerance_seconds: float = 300.0
    of: Callable[[AuthRequest], bytes] | None = None

    def read(self, request: AuthRequest) -> bytes:
        """The text of the stamp, which is signed too. Raises Refused: absent, no number, too old, from the future."""
        text = self.of(request) if self.of else request.header(self.header)
        try:
            seconds = _moment(text) if self.unit_seconds is None else int(text) * self.unit_seconds
        except (ValueError, OverflowError):
            form = "date and time of ISO 8601" if self.unit_seconds is None else "number"
            raise unproven(f"The time stamp of the signature ({self.header}) is missing, or is no {form}.") from None
        if abs(request.now - seconds) > self.tolerance_seconds:
            raise unproven(
                f"The time stamp of the signature is more than {self.tolerance_seconds:g} seconds from now. "
                "Sign again, and look at the clock."
            )
        return text


def _moment(text: bytes) -> float:
    found = datetime.fromisoformat(text.decode("latin-1").strip())
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def named(header: bytes, name: bytes) -> list[bytes]:
    """What a header like `t=1492774577,v1=5257a8` says under a name, in order; `;` parts its values too."""
    pairs = (part.strip().partition(b"=") for part in header.replace(b";", b",").split(b","))
    return [value for key, _, value in pairs if key == name]


def _whole_body(request: AuthRequest, _stamp: bytes) -> bytes:
    return request.body


def _only_one(sent: bytes) -> Sequence[bytes]:
    return (sent,)


@dataclass(frozen=True)
class Signature:
    """One publisher's way to sign. Its repr holds no secret. `address`: it signs the address, which starts with this.

    None: it signs no address; empty: with what the request and the proxies before us say.
    """

    header: str
    secrets: tuple[bytes, ...] = field(repr=False)
    algorithm: Algorithm = "sha256"
    encoding: Encoding = "hex"
    prefix: bytes = b""
    stamp: SignatureTime | None = None
    signed: Callable[[AuthRequest, bytes], bytes] = _whole_body
    candidates: Callable[[bytes], Sequence[bytes]] = _only_one
    signed_headers: frozenset[bytes] = frozenset()
    address: str | None = None
    needs_body: bool = True

    def begin(self, request: AuthRequest) -> None:
        """Raises Refused: 401 without a signature, or with a stamp that is too old: for these no body is read."""
        self._shown(request)

    def _shown(self, request: AuthRequest) -> tuple[bytes, bytes]:
        header = request.header(self.header)
        if not header:
            raise unproven(f"The header {self.header} with the signature is missing.")
        return header, self.stamp.read(request) if self.stamp else b""

    def check(self, request: AuthRequest) -> Proven:
        """Raises Refused: 401 unless one of the secrets made the signature of this very request, in time."""
        header, stamp = self._shown(request)
        messages = [self.signed(one, stamp) for one in (request.possible() if self.address == "" else (request,))]
        sent = [one[len(self.prefix) :] for one in self.candidates(header) if one.startswith(self.prefix)]
        marks: set[bytes] = set()
        for secret, message in product(self.secrets, messages):
            expected = self._encode(hmac.digest(secret, message, self.algorithm))
            for one in sent:
                if hmac.compare_digest(one.lower() if self.encoding == "hex" else one, expected):
                    marks.add(expected)
        if not marks:
            raise unproven(
                f"The signature in {self.header} is not that of this body with the secret of this source. "
                f"Sign the raw bytes that are sent.{self._addressed(request)}"
            )
        return Proven(frozenset(marks), self.signed_headers)

    def _addressed(self, request: AuthRequest) -> str:
        """Without the path, which can hold the hook's token: the text goes into a log too."""
        if self.address is None:
            return ""
        return (
            f" The address is signed too, and {self.address or request.base()!r} was taken for its beginning: where it "
            "was sent to another one, `url:` in the authentication of this source sets it."
        )

    def _encode(self, digest: bytes) -> bytes:
        return binascii.hexlify(digest) if self.encoding == "hex" else base64.b64encode(digest)
