"""Proof of a request, by what its source declares and by what of it is kept elsewhere: given secrets, certificates."""

from __future__ import annotations

from dataclasses import dataclass

from services.ingest.auth.certificate_signature import CertificateSignature
from services.ingest.auth.given_secret import GivenSecret
from services.ingest.auth.scheme import AuthRequest, Proven
from services.ingest.certificates import Certificates
from services.ingest.given_secrets import GivenSecrets
from services.ingest.sources.hook import Hook


@dataclass(frozen=True)
class Proofs:
    """What proves the requests of all sources."""

    given: GivenSecrets
    certificates: Certificates

    async def check(self, hook: Hook, request: AuthRequest) -> Proven:
        """What is proven of a request. Raises Refused: 401; 503 while what proves it cannot be asked for."""
        proof = hook.proof
        if proof is None:
            return Proven()
        if isinstance(proof, GivenSecret):
            return await self.given.check(hook, proof, request)
        if isinstance(proof, CertificateSignature):
            return await self.certificates.check(proof, request)
        return proof.check(request)
