"""Certificates for tests: an authority, and a server's and a client's certificate that it signed."""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = dt.timedelta(days=1)


def certificates(folder: Path) -> None:
    """Write ca.pem, server.pem, expired.pem and client.pem, all but the first with their keys inside."""
    authority = ec.generate_private_key(ec.SECP256R1())
    ca = _signed("Test authority", authority.public_key(), "Test authority", authority, is_authority=True)
    (folder / "ca.pem").write_bytes(_pem(ca))
    for name in ("server", "client", "expired"):
        key = ec.generate_private_key(ec.SECP256R1())
        until = -DAY / 2 if name == "expired" else DAY
        made = _signed(name, key.public_key(), "Test authority", authority, is_authority=False, until=until)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / f"{name}.pem").write_bytes(private + _pem(made))


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _signed(
    name: str,
    key: ec.EllipticCurvePublicKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool,
    until: dt.timedelta = DAY,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + until)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
