"""From the `authentication` of a source to the scheme that checks it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from cryptography.x509 import load_pem_x509_certificates

from services.ingest.auth.basic import Basic
from services.ingest.auth.bearer import Bearer
from services.ingest.auth.certificate_signature import CertificateSignature
from services.ingest.auth.client_certificate import ClientCertificate
from services.ingest.auth.given_secret import GivenSecret
from services.ingest.auth.presets import PRESETS, PresetSecretError
from services.ingest.auth.scheme import AuthRequest, AuthScheme
from services.ingest.auth.signature import MILLISECOND, Signature, SignatureTime, named
from services.ingest.sources.file_form import AuthenticationForm, CertificatesForm, SignatureForm
from services.runtime.documents import secrets

PART = re.compile(r"\{(body|timestamp|method|url|header\.[A-Za-z0-9-]+)\}")


def proof_of(form: AuthenticationForm, environ: Mapping[str, str], folder: Path = Path()) -> AuthScheme:
    """The scheme with its secrets; files are named from `folder`. Raises secrets.SecretError."""

    def read(sources: list[secrets.SecretSource] | None) -> tuple[bytes, ...]:
        return tuple(source.read(environ).encode() for source in sources or ())

    base = str(form.url) if form.url else None
    if form.preset is not None:
        try:
            made = PRESETS[form.preset](read(form.secret), form.tolerance_seconds, base)
        except PresetSecretError as error:
            raise secrets.SecretError(f"{(form.secret or [])[0].named} {error}") from None
        return _judged(made, form.certificates, folder) if isinstance(made, CertificateSignature) else made
    if form.signature is not None:
        given = form.signature.given_in
        signature = _signature(form.signature, () if given else read(form.secret), form.tolerance_seconds, base)
        return GivenSecret(given, signature, read(form.secret), form.handshake_until) if given else signature
    if form.bearer is not None:
        return Bearer(read(form.bearer))
    if form.basic is not None:
        return Basic(form.basic.user, read(form.basic.password))
    certificate = form.client_certificate
    assert certificate is not None  # noqa: S101 - the form has exactly one
    values = tuple(value.encode() for value in certificate.values)
    return ClientCertificate(certificate.header, values, tuple(certificate.proxies))


def _judged(made: CertificateSignature, form: CertificatesForm | None, folder: Path) -> CertificateSignature:
    """By the certificates that the file declares. Raises secrets.SecretError: they are not there, or are none."""
    if form is None:
        return made
    authorities = None
    if form.authorities_file is not None:
        path = folder / form.authorities_file
        try:
            authorities = path.read_bytes()
            load_pem_x509_certificates(authorities)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it holds no certificates as PEM"
            raise secrets.SecretError(f"authorities_file: {str(path)!r} cannot be read: {why}") from None
    return replace(made, hosts=tuple(form.hosts) or made.hosts, authorities=authorities)


UNITS = {"s": 1.0, "ms": MILLISECOND, "iso8601": None}


def _signature(form: SignatureForm, secrets: tuple[bytes, ...], tolerance: float, base: str | None) -> Signature:
    made = Signature(
        form.header,
        secrets,
        form.algorithm,
        form.encoding,
        form.prefix.encode(),
        _stamp(form, tolerance),
        _signed(form.signs, base),
        signed_headers=_signed_headers(form),
        address=(base or "") if "{url}" in form.signs else None,
    )
    if form.parts is None:
        return made
    return replace(made, candidates=partial(named, name=form.parts.signature.encode()))


def _stamp(form: SignatureForm, tolerance: float) -> SignatureTime | None:
    unit = UNITS[form.timestamp_unit]
    if form.timestamp_header:
        return SignatureTime(form.timestamp_header, unit, tolerance)
    if form.parts is None or form.parts.timestamp is None:
        return None
    name = form.parts.timestamp.encode()

    def stamp(request: AuthRequest) -> bytes:
        return next(iter(named(request.header(form.header), name)), b"")

    return SignatureTime(f"{form.parts.timestamp}= in {form.header}", unit, tolerance, stamp)


def _signed_headers(form: SignatureForm) -> frozenset[bytes]:
    named = {part.removeprefix("header.") for part in PART.findall(form.signs) if part.startswith("header.")}
    return frozenset(name.lower().encode() for name in (*named, form.timestamp_header) if name)


def _signed(template: str, base: str | None) -> Callable[[AuthRequest, bytes], bytes]:
    parts = PART.split(template)

    def signed(request: AuthRequest, stamp: bytes) -> bytes:
        def value(name: str) -> bytes:
            if name == "body":
                return request.body
            if name == "timestamp":
                return stamp
            if name == "method":
                return request.method.encode()
            return request.url(base).encode() if name == "url" else request.header(name.removeprefix("header."))

        # The odd ones are names, as `split` with a group gives them.
        return b"".join(value(part) if index % 2 else part.encode() for index, part in enumerate(parts))

    return signed
