"""What proves requests beside the sources file, without network and database: given secrets, PayPal's certificates."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from paypalrestsdk.notifications import WebhookEvent

from services.ingest.auth.certificate_signature import SUBJECTS
from services.ingest.certificates import Certificates
from services.ingest.given_secrets import GivenSecrets, SecretRows
from services.ingest.proofs import Proofs
from services.runtime.http import CallError, Client, HttpAnswer

ADDRESS = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-df8cd2d5"
DAY = dt.timedelta(days=1)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass
class SecretsInMemory:
    """As the table: tests/integration/test_given_secrets.py holds both to the same."""

    rows: dict[str, dict[str, bytes]] = field(default_factory=dict)
    away: Exception | None = None

    async def all(self, source: str) -> list[bytes]:
        """The newest first."""
        if self.away is not None:
            raise self.away
        return list(reversed(self.rows.get(source, {}).values()))

    async def add(self, source: str, digest: str, sealed: bytes, *, beside: bool) -> bool:
        """Whether it is the first, or may stand beside others."""
        if self.away is not None:
            raise self.away
        known = self.rows.setdefault(source, {})
        if digest in known or (known and not beside):
            return False
        known[digest] = sealed
        return True


@dataclass
class CertificateHost:
    """Where certificates are fetched from: answers by address, and what was asked for."""

    answers: Mapping[str, HttpAnswer | CallError]
    asked: list[str] = field(default_factory=list)

    async def call(self, method: str, url: str, **_: Any) -> HttpAnswer:
        """One call."""
        self.asked.append(f"{method} {url}")
        answer = self.answers.get(url, HttpAnswer(404, {}, b""))
        if isinstance(answer, CallError):
            raise answer
        return answer


def certificate(
    name: str, key: Key, issuer: x509.Certificate | None, issuer_key: Key, *, days: float = 1, domain: str = ""
) -> x509.Certificate:
    """A certificate as public authorities make them: an authority's own, or one for a `domain`."""
    now = dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = dict.fromkeys(
        ("content_commitment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * DAY)
        .not_valid_after(now + days * DAY)
        .add_extension(x509.BasicConstraints(ca=not domain, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=bool(domain),
                key_encipherment=bool(domain),
                key_cert_sign=not domain,
                crl_sign=not domain,
                **usage,
            ),
            critical=True,
        )
    )
    if domain:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(domain)]), critical=False)
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    else:
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return made.sign(issuer_key, hashes.SHA256())


def pem(*chain: x509.Certificate) -> bytes:
    """As a host gives them."""
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain)


@dataclass(frozen=True)
class MadePayPal:
    """An authority, one between, and whose certificate signs."""

    root: x509.Certificate
    between: x509.Certificate
    own: x509.Certificate
    key: rsa.RSAPrivateKey
    between_key: Key

    def sign(self, body: bytes, webhook: str, **headers: str) -> dict[str, str]:
        """The headers of a request, over what PayPal's own library says is signed; `headers` change some."""
        told = {
            "PAYPAL-TRANSMISSION-ID": "103e3700-8b0c-11e6-8695-6b62a8a99ac4",
            "PAYPAL-TRANSMISSION-TIME": "2026-03-02T09:30:08Z",
            "PAYPAL-CERT-URL": ADDRESS,
            "PAYPAL-AUTH-ALGO": "SHA256withRSA",
            "PAYPAL-AUTH-VERSION": "v2",
            **headers,
        }
        parts = (told["PAYPAL-TRANSMISSION-ID"], told["PAYPAL-TRANSMISSION-TIME"], webhook, body.decode())
        signed = WebhookEvent._get_expected_sig(*parts)
        made = self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return {"PAYPAL-TRANSMISSION-SIG": base64.b64encode(made).decode(), **told}


@cache
def paypal() -> MadePayPal:
    """One for all tests: keys take time."""
    root_key, between_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    key = rsa.generate_private_key(65_537, 2048)
    root = certificate("Root", root_key, None, root_key)
    between = certificate("Between", between_key, root, root_key)
    own = certificate(SUBJECTS[0], key, between, between_key, domain=SUBJECTS[0])
    return MadePayPal(root, between, own, key, between_key)


def proofs(rows: SecretRows | None = None, host: CertificateHost | None = None) -> Proofs:
    """With what was given before, and certificates of the made PayPal."""
    made = paypal() if host is None else None
    answers = {ADDRESS: HttpAnswer(200, {}, pem(made.own, made.between))} if made else {}
    client = cast("Client", host or CertificateHost(answers))
    return Proofs(GivenSecrets(rows or SecretsInMemory()), Certificates(client))
