"""A signature by a certificate that the request names, as PayPal signs: RSA with SHA-256 over `id|time|webhook|crc32`.

The certificate is fetched and judged by services/ingest/certificates.py. What is signed of the body is its CRC-32, and
other bodies with the same one are easily made: whoever has seen one request can forge others. So such a source needs a
token in its address too.
Source: https://developer.paypal.com/api/rest/webhooks/rest (self-verification), read 2026-11-30.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import Certificate

from services.ingest.auth.scheme import AuthRequest, Proven, unproven

IDENTITY, TIME, SIGNATURE, ADDRESS, ALGORITHM = (
    f"PAYPAL-{part}" for part in ("TRANSMISSION-ID", "TRANSMISSION-TIME", "TRANSMISSION-SIG", "CERT-URL", "AUTH-ALGO")
)
SIGNED = frozenset(name.lower().encode() for name in (IDENTITY, TIME))
CERTIFICATE = re.compile(r"https://([a-z0-9.-]+)/v1/notifications/certs/[A-Za-z0-9-]{1,100}")
PAYPAL = ("api.paypal.com", "api-m.paypal.com", "api.sandbox.paypal.com", "api-m.sandbox.paypal.com")
SUBJECTS = ("messageverificationcerts.paypal.com", "messageverificationcerts.sandbox.paypal.com")
"""Whom the certificates are of, as `SSLUtil` of https://github.com/paypal/PayPal-Java-SDK asks."""


@dataclass(frozen=True)
class CertificateSignature:
    """`webhooks`: the ids of the webhooks, one or two. `hosts`: where certificates may be fetched from.

    `authorities`: PEM of whom is trusted to have signed them; None: those that browsers trust.
    """

    webhooks: tuple[bytes, ...]
    hosts: tuple[str, ...] = PAYPAL
    authorities: bytes | None = None
    needs_body: bool = True

    def address(self, request: AuthRequest) -> str:
        """Where the certificate of this request is. Raises Refused: 401 for any other place."""
        address = request.header(ADDRESS).decode("latin-1")
        found = CERTIFICATE.fullmatch(address)
        if found is None or found[1] not in self.hosts:
            raise unproven(f"{ADDRESS} names no certificate of {' or '.join(self.hosts)}.")
        return address

    def begin(self, request: AuthRequest) -> None:
        """Raises Refused: 401 without what a signature needs."""
        missing = [name for name in (IDENTITY, TIME, SIGNATURE, ADDRESS, ALGORITHM) if not request.header(name)]
        if missing:
            raise unproven(f"The header {missing[0]} of the signature is missing.")
        if request.header(ALGORITHM).lower() != b"sha256withrsa":
            raise unproven(f"{ALGORITHM} is not SHA256withRSA, which is the only one that is taken.")
        self.address(request)

    def check(self, _request: AuthRequest) -> Proven:
        """Raises Refused: 401, as nothing is proven without the certificate."""
        raise unproven("The certificate of the signature is not known.")

    def knowing(self, certificate: Certificate) -> ByCertificate:
        """What checks a request by its certificate."""
        return ByCertificate(self, certificate)


@dataclass(frozen=True)
class ByCertificate:
    """The scheme with a certificate that was judged."""

    scheme: CertificateSignature
    certificate: Certificate
    needs_body: bool = True

    def begin(self, request: AuthRequest) -> None:
        """See CertificateSignature."""
        self.scheme.begin(request)

    def check(self, request: AuthRequest) -> Proven:
        """Raises Refused: 401 unless the certificate's owner signed this body for one of our webhooks."""
        self.begin(request)
        key = self.certificate.public_key()
        try:
            sent = base64.b64decode(request.header(SIGNATURE), validate=True)
        except binascii.Error:
            sent = b""
        for webhook in self.scheme.webhooks:
            if not isinstance(key, RSAPublicKey):
                break
            try:
                key.verify(sent, _signed(request, webhook), padding.PKCS1v15(), SHA256())
            except InvalidSignature:
                continue
            return Proven(frozenset({sent}), SIGNED)
        raise unproven(
            f"The signature in {SIGNATURE} is not that of this body for the webhook whose id is the `secret` of this "
            "source."
        )


def _signed(request: AuthRequest, webhook: bytes) -> bytes:
    crc = str(zlib.crc32(request.body)).encode()
    return b"|".join((request.header(IDENTITY), request.header(TIME), webhook, crc))
