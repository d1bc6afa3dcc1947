"""Signatures by a certificate: fetched from declared hosts only, judged by its whole chain, kept."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from contracts.errors import ErrorCode
from services.ingest import certificates
from services.ingest.auth.certificate_signature import SUBJECTS, CertificateSignature
from services.ingest.auth.scheme import AuthRequest
from services.ingest.certificates import Certificates
from services.ingest.http_problems import Refused
from services.ingest.sources.document import SourcesError
from services.ingest.sources.load import load
from services.runtime.egress import Egress
from services.runtime.http import CallError, Client, HttpAnswer, Sent
from tests.support.proofs import ADDRESS, CertificateHost, certificate, paypal, pem

WEBHOOK = "5L518819FA0214926"
BODY = '{"id":"WH-1","summary":"Inês"}'.encode()
PROOF = CertificateSignature((b"8PT597110X687430LKGECATA", WEBHOOK.encode()), authorities=pem(paypal().root))
GOOD = HttpAnswer(200, {}, pem(paypal().own, paypal().between))


def request(body: bytes = BODY, **changed: str) -> AuthRequest:
    """A request that PayPal signed; headers under names with underscores are changed after that."""
    signed = paypal().sign(BODY, WEBHOOK)
    headers = {**signed, **{name.replace("_", "-"): value for name, value in changed.items()}}
    sent = {name.lower().encode(): value.encode() for name, value in headers.items() if value}
    return AuthRequest("POST", "/", b"", sent, body)


def over(answer: HttpAnswer | CallError = GOOD) -> tuple[Certificates, CertificateHost]:
    """What checks, and the host that it asks."""
    host = CertificateHost({ADDRESS: answer})
    return Certificates(cast("Client", host)), host


async def refused(checked: Certificates, came: AuthRequest, proof: CertificateSignature = PROOF) -> Refused:
    """The answer to a request that proves nothing."""
    with pytest.raises(Refused) as found:
        await checked.check(proof, came)
    return found.value


async def test_what_paypal_signs_is_proven_and_its_certificate_fetched_once() -> None:
    """For each of two webhooks; only id and time of the headers are signed."""
    checked, host = over()
    for _ in range(3):
        proven = await checked.check(PROOF, request())
    assert host.asked == [f"GET {ADDRESS}"]
    assert proven.headers == frozenset({b"paypal-transmission-id", b"paypal-transmission-time"})
    assert len(proven.marks) == 1


@pytest.mark.parametrize(
    "came",
    [
        request(b'{"id":"WH-1","summary":"Ines"}'),
        request(PAYPAL_TRANSMISSION_ID="another"),
        request(PAYPAL_TRANSMISSION_TIME="2026-03-02T09:30:09Z"),
        request(PAYPAL_TRANSMISSION_SIG="AAAA"),
        request(PAYPAL_TRANSMISSION_SIG="no base64"),
        request(PAYPAL_TRANSMISSION_SIG=""),
        request(PAYPAL_AUTH_ALGO="SHA1withRSA"),
        request(PAYPAL_CERT_URL=""),
    ],
)
async def test_what_is_not_signed_so_is_refused(came: AuthRequest) -> None:
    """401: another body, id, time, signature or algorithm."""
    assert (await refused(over()[0], came)).status == 401


async def test_another_webhook_of_paypal_is_refused() -> None:
    """Anybody can have PayPal sign something for a webhook of their own."""
    proof = CertificateSignature((b"another",), authorities=PROOF.authorities)
    assert (await refused(over()[0], request(), proof)).status == 401


@pytest.mark.parametrize(
    "address",
    [
        "http://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
        "https://evil.example/v1/notifications/certs/CERT-1",
        "https://evil.example#api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com@evil.example/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/../../x",
        "https://api.paypal.com/v1/notifications/certs/CERT-1?to=https://evil.example",
        "https://api.paypal.com/v1/notifications/certs/CERT-1\n",
        "https://www.paypal.com/v1/notifications/certs/CERT-1",
        "https://169.254.169.254/v1/notifications/certs/CERT-1",
    ],
)
async def test_certificates_come_from_declared_hosts_only(address: str) -> None:
    """Nothing is asked anywhere else."""
    checked, host = over()
    assert (await refused(checked, request(PAYPAL_CERT_URL=address))).status == 401
    assert host.asked == []


def chains() -> dict[str, bytes]:
    """Certificates of PayPal's name that are none of PayPal's."""
    made = paypal()
    forger = ec.generate_private_key(ec.SECP256R1())
    own = certificate(SUBJECTS[0], made.key, None, made.key, domain=SUBJECTS[0])
    root = certificate("Root", forger, None, forger)
    late = certificate(SUBJECTS[0], made.key, made.between, made.between_key, domain=SUBJECTS[0], days=-1)
    other = certificate("shop.example", made.key, made.between, made.between_key, domain="shop.example")
    below = certificate(SUBJECTS[0], forger, made.own, made.key, domain=SUBJECTS[0])
    return {
        "signed by itself": pem(own),
        "by another authority of the same name": pem(
            certificate(SUBJECTS[0], made.key, root, forger, domain=SUBJECTS[0]), root
        ),
        "over": pem(late, made.between),
        "of somebody else": pem(other, made.between),
        "by one who is no authority": pem(below, made.own, made.between),
        "without the one between": pem(made.own),
        "an authority itself": pem(made.between),
        "no certificate": b"<html>",
    }


@pytest.mark.parametrize("what", list(chains()))
async def test_a_certificate_is_judged_by_its_chain(what: str) -> None:
    """401, and not asked for again with each request."""
    checked, host = over(HttpAnswer(200, {}, chains()[what]))
    for _ in range(2):
        assert (await refused(checked, request())).status == 401
    assert len(host.asked) == 1


async def test_a_key_that_is_no_rsa_key_proves_nothing() -> None:
    """Though its certificate is right."""
    made, key = paypal(), ec.generate_private_key(ec.SECP256R1())
    own = certificate(SUBJECTS[0], key, made.between, made.between_key, domain=SUBJECTS[0])
    assert (await refused(over(HttpAnswer(200, {}, pem(own, made.between)))[0], request())).status == 401


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (CallError(ErrorCode.CALL_TIMED_OUT, "no answer", Sent.EFFECT_POSSIBLE), 503, ErrorCode.CALL_TIMED_OUT),
        (HttpAnswer(502, {}, b""), 503, ErrorCode.DESTINATION_BUSY),
        (HttpAnswer(429, {}, b""), 503, ErrorCode.DESTINATION_BUSY),
        (HttpAnswer(404, {}, b""), 401, ErrorCode.UNAUTHENTICATED),
    ],
)
async def test_what_cannot_be_fetched_is_sent_again(answer: HttpAnswer | CallError, status: int, code: str) -> None:
    """503 while the host is away; it is asked again a moment later."""
    now = [1e9]
    host = CertificateHost({ADDRESS: answer})
    checked = Certificates(cast("Client", host), lambda: now[0])
    for seconds in (0.0, 0.1, certificates.UNFIT_SECONDS):
        now[0] += seconds
        found = await refused(checked, request())
        assert (found.status, found.code) == (status, code)
    assert len(host.asked) == 2


async def test_a_certificate_is_kept_no_longer_than_it_counts() -> None:
    """And a day at most."""
    now = [dt.datetime.now(dt.UTC).timestamp()]
    host = CertificateHost({ADDRESS: GOOD})
    checked = Certificates(cast("Client", host), lambda: now[0])
    await checked.check(PROOF, request())
    now[0] += 86_401
    assert (await refused(checked, request())).status == 401
    assert len(host.asked) == 2


async def test_the_rules_of_egress_count() -> None:
    """A declared host that is not public is asked only where the operator allows it."""
    address = "https://localhost/v1/notifications/certs/CERT-1"
    client = Client(Egress(()))
    try:
        proof = CertificateSignature((WEBHOOK.encode(),), ("localhost",), PROOF.authorities)
        found = await refused(Certificates(client), request(PAYPAL_CERT_URL=address), proof)
    finally:
        await client.close()
    assert (found.status, found.code) == (503, ErrorCode.EGRESS_DENIED)


FILE = """\
sources:
  pay:
    example: {{ id: WH-1 }}
    {token}
    authentication: {{ preset: paypal, secret: {{ env: S }}, certificates: {{ {more} }} }}
"""


def test_the_file_declares_hosts_and_authorities(tmp_path: Path) -> None:
    """Their file from the sources file's folder; without a token in the address the source is refused."""
    (tmp_path / "ca.pem").write_bytes(pem(paypal().root))
    file = tmp_path / "sources.yaml"
    environ = {"S": WEBHOOK, "T": "paypal-0123456789abcdef"}

    def proof(more: str, place: str = "token: { env: T }") -> CertificateSignature:
        file.write_text(FILE.format(token=place, more=more))
        found = next(iter(load(file, environ).hooks)).proof
        assert isinstance(found, CertificateSignature)
        return found

    declared = proof("authorities_file: ca.pem, hosts: [ certs.example ]")
    assert (declared.hosts, declared.authorities) == (("certs.example",), pem(paypal().root))
    assert proof("").authorities is None
    for more, token, told in [
        ("authorities_file: none.pem", "token: { env: T }", "none.pem"),
        ("authorities_file: sources.yaml", "token: { env: T }", "no certificates"),
        ("", "", "CRC-32"),
    ]:
        with pytest.raises(SourcesError, match=told):
            proof(more, token)


def test_public_authorities_are_there() -> None:
    """Those that browsers trust can be read, and do not trust the made one."""
    with pytest.raises(Refused):
        certificates.judged([paypal().own, paypal().between], None, dt.datetime.now(dt.UTC))
