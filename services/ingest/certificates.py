"""Certificates that signatures name by an address: fetched from declared hosts only, judged, and kept while they count.

Each is judged by its whole chain up to an authority, its time, and whose it is. Where it cannot be fetched, the request
is answered 503: its sender tries again.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

import certifi
from cryptography.x509 import Certificate, DNSName, load_pem_x509_certificates
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from contracts.errors import ErrorCode
from services.ingest.auth.certificate_signature import SUBJECTS, CertificateSignature
from services.ingest.auth.scheme import AuthRequest, Proven, unproven
from services.ingest.http_problems import Refused
from services.runtime import logging
from services.runtime.http import CallError, Client, HttpAnswer

FETCH_SECONDS = 5.0
MOST_KEPT = 64
KEEP_SECONDS, UNFIT_SECONDS, AWAY_SECONDS = 86_400.0, 60.0, 2.0
"""How long a certificate is kept, that an address has none, and that its host is away."""
SERVER_ERROR = 500
log = logging.get("certificates")


@dataclass(frozen=True)
class _Kept:
    """What came of an address, and until when that counts."""

    found: Certificate | Refused
    until: float


class Certificates:
    """Those that this process has fetched."""

    def __init__(self, client: Client, now: Callable[[], float] = time.time) -> None:
        self._client = client
        self._now = now
        self._kept: OrderedDict[tuple[CertificateSignature, str], _Kept] = OrderedDict()
        # One at a time: who sends many requests with many addresses makes no crowd of calls.
        self._lock = asyncio.Lock()

    async def check(self, proof: CertificateSignature, request: AuthRequest) -> Proven:
        """The proof by the certificate that the request names. Raises Refused: 401; 503 where it cannot be fetched."""
        proof.begin(request)
        certificate = await self._of(proof, proof.address(request))
        return proof.knowing(certificate).check(request)

    async def _of(self, proof: CertificateSignature, address: str) -> Certificate:
        kept = self._known(proof, address)
        if kept is None:
            async with self._lock:
                kept = self._known(proof, address) or await self._fetched(proof, address)
        if isinstance(kept.found, Refused):
            raise kept.found
        return kept.found

    def _known(self, proof: CertificateSignature, address: str) -> _Kept | None:
        kept = self._kept.get((proof, address))
        return kept if kept is not None and self._now() < kept.until else None

    async def _fetched(self, proof: CertificateSignature, address: str) -> _Kept:
        found: Certificate | Refused
        try:
            found = judged(await self._chain(address), proof.authorities, datetime.fromtimestamp(self._now(), UTC))
            seconds = min(KEEP_SECONDS, found.not_valid_after_utc.timestamp() - self._now())
        except Refused as refused:
            found = refused
            seconds = UNFIT_SECONDS if refused.status is HTTPStatus.UNAUTHORIZED else AWAY_SECONDS
            log.warning("certificate.refused", address=address, cause=refused.detail)
        kept = self._kept[proof, address] = _Kept(found, self._now() + seconds)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return kept

    async def _chain(self, address: str) -> list[Certificate]:
        """The certificate and those that its host gives with it. Raises Refused."""
        try:
            answer = await self._client.call(
                "GET", address, headers={}, content=None, seconds=FETCH_SECONDS, any_port=False
            )
        except CallError as error:
            raise _away(error.code, error.cause) from None
        if answer.status != HTTPStatus.OK:
            raise _none(answer)
        try:
            return load_pem_x509_certificates(answer.body)
        except ValueError:
            raise unproven("There is no certificate at the address that the signature names.") from None


def judged(chain: Sequence[Certificate], authorities: bytes | None, moment: datetime) -> Certificate:
    """The first of a chain, once all of it holds at this moment. Raises Refused: 401."""
    trusted = Path(certifi.where()).read_bytes() if authorities is None else authorities
    policy = PolicyBuilder().store(Store(load_pem_x509_certificates(trusted))).time(moment)
    causes = []
    for subject in SUBJECTS:
        try:
            policy.build_server_verifier(DNSName(subject)).verify(chain[0], list(chain[1:]))
        except VerificationError as error:
            causes.append(str(error))
        else:
            return chain[0]
    raise unproven(f"The certificate of the signature is not to be trusted: {causes[0][:200]}")


def _away(code: ErrorCode, cause: str) -> Refused:
    return Refused(
        HTTPStatus.SERVICE_UNAVAILABLE,
        code,
        f"The certificate of the signature cannot be fetched: {cause}. Send the same request again later.",
        headers={"Retry-After": "30"},
    )


def _none(answer: HttpAnswer) -> Refused:
    if answer.status >= SERVER_ERROR or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return _away(ErrorCode.DESTINATION_BUSY, f"its host answered {answer.status}")
    return unproven(f"There is no certificate at the address that the signature names: it answered {answer.status}.")
