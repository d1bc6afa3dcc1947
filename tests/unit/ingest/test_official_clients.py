"""What the publishers' own libraries sign is taken, and nothing that differs from it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
import standardwebhooks
import stripe
import svix
from hubspot.utils.signature import Signature
from slack_sdk.signature import SignatureVerifier
from twilio.request_validator import RequestValidator

from services.ingest.auth.presets import PRESETS
from services.ingest.auth.scheme import AuthRequest, AuthScheme
from services.ingest.http_problems import Refused
from services.ingest.sources.auth_schemes import proof_of
from services.ingest.sources.file_form import AuthenticationForm

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = 1_772_443_800
AT = datetime.fromtimestamp(NOW, UTC)
BODY = json.dumps({"id": "evt_1", "name": "Inês"}).encode()
FORM = {"From": "+351912345678", "Body": "Olá & mais", "To": "+351210000000"}


def request(headers: Mapping[str, str], body: bytes = BODY, **more: str | bytes) -> AuthRequest:
    """A request as ingest sees it, by plain http."""
    lower = {name.lower().encode(): value.encode() for name, value in headers.items()}
    made = AuthRequest("POST", "/v1/hooks/one", b"", lower, body, None, float(NOW), "http")
    return replace(made, **more)  # type: ignore[arg-type]  # fields by name


def standard() -> AuthRequest:
    """`standardwebhooks`."""
    signature = standardwebhooks.Webhook(SECRET).sign("msg_1", AT, BODY.decode())
    return request({"webhook-id": "msg_1", "webhook-timestamp": str(NOW), "webhook-signature": signature})


def from_svix() -> AuthRequest:
    """`svix`, as Svix, Clerk and Resend send it."""
    signature = svix.Webhook(SECRET).sign("msg_1", AT, BODY.decode())
    return request({"svix-id": "msg_1", "svix-timestamp": str(NOW), "svix-signature": f"v1,bm9uZQ== {signature}"})


def from_stripe() -> AuthRequest:
    """`stripe`."""
    made = stripe.WebhookSignature._compute_signature(f"{NOW}.{BODY.decode()}", SECRET)
    return request(
        {"Stripe-Signature": f"t={NOW},v1={made},v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39"}
    )


def from_slack() -> AuthRequest:
    """`slack_sdk`."""
    signature = SignatureVerifier(SECRET).generate_signature(timestamp=str(NOW), body=BODY)
    return request({"X-Slack-Request-Timestamp": str(NOW), "X-Slack-Signature": signature or ""})


def from_twilio(url: str = "http://hooks.example/v1/hooks/one", **headers: str) -> AuthRequest:
    """`twilio`, over the address that it was given."""
    signature = RequestValidator(SECRET).compute_signature(url, FORM)
    sent = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": signature,
        "Host": "hooks.example",
    }
    return request(sent | headers, urlencode(FORM).encode())


def from_hubspot(url: str = "http://hooks.example/v1/hooks/one") -> AuthRequest:
    """`hubspot`, over the address that it was given."""
    stamp = str(NOW * 1000)
    made = Signature.get_signature(SECRET, BODY.decode(), "v3", url, "POST", stamp)
    return request({"X-HubSpot-Signature-v3": made, "X-HubSpot-Request-Timestamp": stamp, "Host": "hooks.example"})


SIGNED: dict[str, tuple[str, Callable[[], AuthRequest]]] = {
    "hubspot": ("hubspot_v3", from_hubspot),
    "standardwebhooks": ("standard_webhooks", standard),
    "svix": ("standard_webhooks", from_svix),
    "stripe": ("stripe", from_stripe),
    "slack_sdk": ("slack", from_slack),
    "twilio": ("twilio", from_twilio),
}


@pytest.mark.parametrize("library", SIGNED)
def test_what_the_publishers_library_signs_is_taken(library: str) -> None:
    """And not with another body, another secret, or without its headers."""
    preset, sign = SIGNED[library]
    proof = PRESETS[preset]((SECRET.encode(),), 300, None)
    proof.check(sign())
    other = PRESETS[preset]((b"whsec_" + base64.b64encode(b"another secret"),), 300, None)
    wrong = [(proof, replace(sign(), body=b"{}")), (other, sign()), (proof, replace(sign(), headers={}))]
    for scheme, sent in wrong:
        with pytest.raises(Refused):
            scheme.check(sent)


def test_names_of_svix_and_of_the_standard_are_not_mixed() -> None:
    """The id and the stamp that were signed are those beside the signature."""
    sent = from_svix()
    mixed = {name.replace(b"svix-id", b"webhook-id"): value for name, value in sent.headers.items()}
    with pytest.raises(Refused):
        PRESETS["standard_webhooks"]((SECRET.encode(),), 300, None).check(replace(sent, headers=mixed))


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("http://hooks.example/v1/hooks/one", {}),
        ("https://hooks.example/v1/hooks/one", {}),
        ("https://hooks.example/v1/hooks/one", {"X-Forwarded-Proto": "https, http"}),
        (
            "https://public.example/v1/hooks/one",
            {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "public.example, in"},
        ),
    ],
)
def test_the_address_is_the_one_that_the_sender_used(url: str, headers: dict[str, str]) -> None:
    """As it came, or as the first proxy saw it; a proxy that ends TLS without a word is none to ask."""
    PRESETS["twilio"]((SECRET.encode(),), 300, None).check(from_twilio(url, **headers))


def test_a_401_says_which_address_was_used() -> None:
    """Without its path, where the token is; and what to set."""
    proof = PRESETS["twilio"]((SECRET.encode(),), 300, None)
    with pytest.raises(Refused) as refused:
        proof.check(from_twilio("https://other.example/v1/hooks/one", **{"X-Forwarded-Proto": "https"}))
    assert "'https://hooks.example'" in refused.value.detail
    assert "`url:`" in refused.value.detail
    assert "/v1/hooks" not in refused.value.detail


def declared(**signature: object) -> AuthScheme:
    """A signature that a file declares."""
    return proof_of(
        AuthenticationForm.model_validate({"signature": signature, "secret": {"env": "S"}}), {"S": "secret"}
    )


def mac(text: str) -> str:
    """The HMAC of a text."""
    return hmac.new(b"secret", text.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    "stamp",
    ["2026-03-02T09:30:00Z", "2026-03-02T09:30:00.123456+00:00", "2026-03-02T10:30:00+01:00", "2026-03-02T09:30:00"],
)
def test_a_stamp_in_iso_8601(stamp: str) -> None:
    """In any zone; far from now, or no time, it is refused."""
    proof = declared(header="X-S", signs="{timestamp}|{body}", timestamp_header="X-T", timestamp_unit="iso8601")
    proof.check(request({"X-S": mac(f"{stamp}|{BODY.decode()}"), "X-T": stamp}))
    for wrong in ("2026-03-02T08:00:00Z", "yesterday", "", str(NOW)):
        with pytest.raises(Refused):
            proof.check(request({"X-S": mac(f"{wrong}|{BODY.decode()}"), "X-T": wrong}))


@pytest.mark.parametrize("header", ["t={t},v1={s}", "t={t}, v0=00, v1=00, v1={s}", "v1={s};t={t}"])
def test_stamp_and_signature_in_one_header(header: str) -> None:
    """Under any header and any names, as Calendly, Persona and Paddle send them."""
    proof = declared(header="X-Any", signs="{timestamp}.{body}", parts={"timestamp": "t", "signature": "v1"})
    signature = mac(f"{NOW}.{BODY.decode()}")
    proof.check(request({"X-Any": header.format(t=NOW, s=signature)}))
    for wrong in (
        header.format(t=NOW + 1, s=signature),
        header.format(t=NOW - 999, s=mac(f"{NOW - 999}.{BODY.decode()}")),
        "t=1",
    ):
        with pytest.raises(Refused):
            proof.check(request({"X-Any": wrong}))
