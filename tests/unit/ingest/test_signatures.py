"""Signatures: the publishers' own vectors pass, and everything that differs by a little is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from ipaddress import ip_address, ip_network

import pytest

from contracts.errors import ErrorCode
from services.ingest.auth.basic import Basic
from services.ingest.auth.bearer import Bearer
from services.ingest.auth.client_certificate import ClientCertificate
from services.ingest.auth.networks import require, sender
from services.ingest.auth.presets import PRESETS, PresetSecretError
from services.ingest.auth.scheme import AuthRequest, AuthScheme
from services.ingest.http_problems import Refused
from services.ingest.sources.auth_schemes import proof_of
from services.ingest.sources.file_form import AuthenticationForm

SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name="
    b"foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2F"
    b"hooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015."
    b"47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
TWILIO_BODY = b"CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212"


def request(
    body: bytes, headers: dict[str, str], now: float = 0.0, method: str = "POST", path: str = "/"
) -> AuthRequest:
    """A request as ingest sees it."""
    lower = {name.lower().encode(): value.encode() for name, value in headers.items()}
    path, _, query = path.partition("?")
    return AuthRequest(method, path, query.encode(), lower, body, None, now)


def github() -> tuple[AuthScheme, AuthRequest]:
    """https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation."""
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    proof = PRESETS["github"]((b"It's a Secret to Everybody",), 300, None)
    return proof, request(b"Hello, World!", {"X-Hub-Signature-256": signature})


def slack() -> tuple[AuthScheme, AuthRequest]:
    """https://docs.slack.dev/authentication/verifying-requests-from-slack."""
    headers = {
        "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        "X-Slack-Request-Timestamp": "1531420618",
    }
    proof = PRESETS["slack"]((b"8f742231b10e8888abcd99yyyzzz85a5",), 300, None)
    return proof, request(SLACK_BODY, headers, 1531420618.0)


def standard() -> tuple[AuthScheme, AuthRequest]:
    """https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md."""
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,bm90IHRoaXMgb25l v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    proof = PRESETS["standard_webhooks"]((b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",), 300, None)
    return proof, request(b'{"test": 2432232314}', headers, 1614265330.0)


def twilio() -> tuple[AuthScheme, AuthRequest]:
    """https://www.twilio.com/docs/usage/security#validating-requests."""
    proof = PRESETS["twilio"]((b"12345",), 300, "https://mycompany.com")
    headers = {
        "X-Twilio-Signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    return proof, request(TWILIO_BODY, headers, path="/myapp.php?foo=1&bar=2")


def whatsapp() -> tuple[AuthScheme, AuthRequest]:
    """RFC 4231 test case 2, in the header of WhatsApp Cloud API."""
    signature = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    proof = PRESETS["whatsapp_cloud"]((b"Jefe",), 300, None)
    return proof, request(b"what do ya want for nothing?", {"X-Hub-Signature-256": signature})


def stripe() -> tuple[AuthScheme, AuthRequest]:
    """By the steps of https://docs.stripe.com/webhooks#verify-manually, done here with the library's bare HMAC."""
    body, secret = b'{\n  "id": "evt_test_webhook",\n  "object": "event"\n}', b"whsec_test_secret"
    signature = hmac.new(secret, b"1700000000." + body, hashlib.sha256).hexdigest()
    header = f"t=1700000000,v1={'0' * 64},v1={signature},v0=6ffbb59b"
    return PRESETS["stripe"]((secret,), 300, None), request(body, {"Stripe-Signature": header}, 1700000000.0)


def hubspot() -> tuple[AuthScheme, AuthRequest]:
    """By the steps of https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests."""
    body, secret, stamp = b'[{"eventId":1}]', b"the-app-secret", "1700000000000"
    message = b"POSThttps://hooks.example/v1/hooks/hs?next=a/b" + body + stamp.encode()
    signature = base64.b64encode(hmac.new(secret, message, hashlib.sha256).digest()).decode()
    headers = {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": stamp}
    proof = PRESETS["hubspot_v3"]((secret,), 300, "https://hooks.example/")
    return proof, request(body, headers, 1700000000.0, path="/v1/hooks/hs?next=a%2Fb")


VECTORS = [github, hubspot, slack, standard, stripe, twilio, whatsapp]
STAMPED = [hubspot, slack, standard, stripe]
Vector = Callable[[], tuple[AuthScheme, AuthRequest]]


def refused(proof: AuthScheme, sent: AuthRequest) -> Refused:
    """The refusal of a request: always a 401 of the one code."""
    with pytest.raises(Refused) as error:
        proof.check(sent)
    assert (error.value.status, error.value.code) == (HTTPStatus.UNAUTHORIZED, ErrorCode.UNAUTHENTICATED)
    return error.value


def test_every_preset_has_a_vector() -> None:
    """A preset without one would be a guess. PayPal's has a certificate: test_certificates.py."""
    assert len(VECTORS) == len(PRESETS.keys() - {"paypal"})


@pytest.mark.parametrize("vector", VECTORS)
def test_the_vector_passes(vector: Vector) -> None:
    """As its publisher signs."""
    proof, sent = vector()
    proof.check(sent)


@pytest.mark.parametrize("vector", VECTORS)
def test_one_flipped_bit_is_refused(vector: Vector) -> None:
    """Anywhere in the body, and in the signature."""
    proof, sent = vector()
    for place in range(len(sent.body)):
        for bit in (1, 128):
            body = bytearray(sent.body)
            body[place] ^= bit
            refused(proof, replace(sent, body=bytes(body)))
    [name] = [name for name in sent.headers if b"signature" in name]
    value = sent.headers[name]
    last = -2 if value.endswith(b"=") else -1
    changed = value[:-3] + b"abc" if b"v0=6" in value else value[:last] + bytes([value[last] ^ 1]) + value[last:][1:]
    if b"v0=6" in value:
        changed = value.replace(b",v1=", b",v1=0")
    assert "secret" not in str(refused(proof, replace(sent, headers={**sent.headers, name: changed}))).split("with")[0]


@pytest.mark.parametrize("vector", VECTORS)
def test_a_missing_signature_is_refused(vector: Vector) -> None:
    """And an empty one, and one that is no text."""
    proof, sent = vector()
    [name] = [name for name in sent.headers if b"signature" in name]
    for value in (None, b"", b"=", b",", b"\xff\xfe", b"v1,", b"sha256="):
        headers = {key: part for key, part in sent.headers.items() if key != name}
        refused(proof, replace(sent, headers=headers if value is None else {**headers, name: value}))


@pytest.mark.parametrize("vector", STAMPED)
def test_an_old_time_stamp_is_refused_and_one_from_the_future(vector: Vector) -> None:
    """Also with the right signature; within the tolerance it passes."""
    proof, sent = vector()
    for away in (299.0, -299.0):
        proof.check(replace(sent, now=sent.now + away))
    for away in (301.0, -301.0):
        assert "300 seconds" in str(refused(proof, replace(sent, now=sent.now + away)))


@pytest.mark.parametrize("stamp", ["", "x", "1.5", "9" * 400, "-1"])
def test_a_time_stamp_that_is_none_is_refused(stamp: str) -> None:
    """Also one that is too long for a number."""
    proof, sent = standard()
    refused(proof, replace(sent, headers={**sent.headers, b"webhook-timestamp": stamp.encode()}))


def test_a_wrong_algorithm_is_refused() -> None:
    """SHA-1 of the right secret, under its own name and under that of SHA-256."""
    proof, sent = github()
    digest = hmac.new(b"It's a Secret to Everybody", sent.body, hashlib.sha1).hexdigest()
    for value in (f"sha1={digest}", f"sha256={digest}", digest):
        refused(proof, replace(sent, headers={b"x-hub-signature-256": value.encode()}))


def test_two_secrets_are_live_while_one_is_changed() -> None:
    """Each of both, and no third."""
    _, sent = github()
    right = b"It's a Secret to Everybody"
    for secrets in ((right, b"new"), (b"new", right)):
        PRESETS["github"](secrets, 300, None).check(sent)
    refused(PRESETS["github"]((b"new", b"newer"), 300, None), sent)


def test_a_secret_of_another_form_is_told() -> None:
    """At the start and not with the first event."""
    with pytest.raises(PresetSecretError, match="whsec_"):
        PRESETS["standard_webhooks"]((b"no base64!",), 300, None)


def test_twilio_signs_a_json_body_by_its_hash() -> None:
    """The address carries the hash; without it, or with another, the body proves nothing."""
    body = b'{"a": 1}'
    digest = hashlib.sha256(body).hexdigest()
    proof = PRESETS["twilio"]((b"12345",), 300, "https://mycompany.com")
    for query, passes in ((f"bodySHA256={digest}", True), ("bodySHA256=00", False), ("x=1", False)):
        url = f"https://mycompany.com/hook?{query}".encode()
        signature = base64.b64encode(hmac.new(b"12345", url, hashlib.sha1).digest()).decode()
        sent = request(body, {"X-Twilio-Signature": signature}, path=f"/hook?{query}")
        if passes:
            proof.check(sent)
        else:
            refused(proof, sent)


def test_a_declared_signature_is_what_the_file_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Header, algorithm, encoding, prefix, what is signed, and when."""
    monkeypatch.setenv("S", "key")
    form = AuthenticationForm.model_validate(
        {
            "signature": {
                "header": "X-Sig",
                "algorithm": "sha512",
                "encoding": "base64",
                "prefix": "v2:",
                "signs": "{method}\n{url}\n{header.X-Id}\n{timestamp}\n{body}",
                "timestamp_header": "X-At",
                "timestamp_unit": "ms",
            },
            "secret": {"env": "S"},
            "url": "https://a.b",
        }
    )
    proof = proof_of(form, {"S": "key"})
    message = b"POST\nhttps://a.b/x?y=1\n7\n5000\nbody"
    signature = "v2:" + base64.b64encode(hmac.new(b"key", message, hashlib.sha512).digest()).decode()
    sent = request(b"body", {"X-Sig": signature, "X-Id": "7", "X-At": "5000"}, 5.0, path="/x?y=1")
    proof.check(sent)
    for header, value in ((b"x-id", b"8"), (b"x-at", b"5001"), (b"x-sig", signature[3:].encode())):
        refused(proof, replace(sent, headers={**sent.headers, header: value}))
    refused(proof, replace(sent, method="PUT"))


def test_bearer_and_basic() -> None:
    """The right words pass, and nothing near them."""
    bearer, basic = Bearer((b"one", b"two")), Basic("shop", (b"pass:word",))
    for value in ("Bearer one", "bearer two"):
        bearer.check(request(b"", {"Authorization": value}))
    basic.check(request(b"", {"Authorization": "Basic " + base64.b64encode(b"shop:pass:word").decode()}))
    for proof in (bearer, basic):
        for value in ("", "Bearer", "Bearer three", "Basic one", "Basic !!", "Bearer one two", "Basic c2hvcDo="):
            refused(proof, request(b"", {"Authorization": value}))


def test_a_client_certificate_counts_only_from_the_trusted_proxy() -> None:
    """Anybody can write a header."""
    proof = ClientCertificate("X-Client-DN", (b"CN=shop",), (ip_network("10.0.0.0/8"),))
    sent = request(b"", {"X-Client-DN": "CN=shop"})
    proof.check(replace(sent, client=ip_address("10.1.2.3")))
    for other in (
        replace(sent, client=ip_address("192.0.2.1")),
        sent,
        replace(sent, client=ip_address("10.1.2.3"), headers={b"x-client-dn": b"CN=shop2"}),
    ):
        refused(proof, other)


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.9", b"", "203.0.113.9"),
        ("203.0.113.9", b"198.51.100.1", "203.0.113.9"),  # no proxy of ours said so
        ("10.0.0.1", b"198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", b"6.6.6.6, 198.51.100.1, 10.0.0.2", "198.51.100.1"),  # what stands before can be invented
        ("10.0.0.1", b"nonsense", "10.0.0.1"),
        ("::ffff:10.0.0.1", b"2001:db8::1", "2001:db8::1"),
    ],
)
def test_the_sender_is_the_nearest_address_that_is_no_proxy_of_ours(peer: str, forwarded: bytes, found: str) -> None:
    """So that a network rule cannot be talked around."""
    scope = {"client": (peer, 1), "headers": [(b"x-forwarded-for", forwarded)]}
    address = sender(scope, (ip_network("10.0.0.0/8"),))
    assert str(address) == found
    assert address is not None
    require(address, (ip_network(f"{address}"),))
    with pytest.raises(Refused):
        require(address, (ip_network("192.0.2.0/24"),))
