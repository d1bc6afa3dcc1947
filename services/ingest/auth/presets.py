"""The signatures of known publishers, each by its own document.

- WhatsApp Cloud: https://developers.facebook.com/docs/graph-api/webhooks/getting-started#validate-payloads
- GitHub: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
- Standard Webhooks 1.0.0: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
- Stripe: https://docs.stripe.com/webhooks#verify-manually
- HubSpot v3: https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests
- Twilio: https://www.twilio.com/docs/usage/security#validating-requests
- PayPal: https://developer.paypal.com/api/rest/webhooks/rest
- Slack: https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from urllib.parse import parse_qsl

from services.ingest.auth.certificate_signature import CertificateSignature
from services.ingest.auth.first_shown import FirstShown
from services.ingest.auth.scheme import AuthRequest, AuthScheme, unproven
from services.ingest.auth.signature import MILLISECOND, Signature, SignatureTime, named

Secrets = tuple[bytes, ...]
FORM = b"application/x-www-form-urlencoded"
SHA256_HEX = 64
# HubSpot signs the address with these decoded, and no others.
HUBSPOT_DECODED = {
    "%3A": ":",
    "%2F": "/",
    "%3F": "?",
    "%40": "@",
    "%21": "!",
    "%24": "$",
    "%27": "'",
    "%28": "(",
    "%29": ")",
    "%2A": "*",
    "%2C": ",",
    "%3B": ";",
}


class PresetSecretError(Exception):
    """A secret is not of the form that its publisher gives."""


def _hub(secrets: Secrets, _tolerance: float, _base: str | None) -> Signature:
    return Signature("X-Hub-Signature-256", secrets, prefix=b"sha256=")


def _stamped(request: AuthRequest, stamp: bytes, before: bytes, separator: bytes) -> bytes:
    return before + stamp + separator + request.body


def _slack(secrets: Secrets, tolerance: float, _base: str | None) -> Signature:
    return Signature(
        "X-Slack-Signature",
        secrets,
        prefix=b"v0=",
        stamp=SignatureTime("X-Slack-Request-Timestamp", tolerance_seconds=tolerance),
        signed=partial(_stamped, before=b"v0:", separator=b":"),
    )


def _stripe(secrets: Secrets, tolerance: float, _base: str | None) -> Signature:
    def stamp(request: AuthRequest) -> bytes:
        return next(iter(named(request.header("Stripe-Signature"), b"t")), b"")

    def signatures(header: bytes) -> Sequence[bytes]:
        return named(header, b"v1")

    return Signature(
        "Stripe-Signature",
        secrets,
        stamp=SignatureTime("t= in Stripe-Signature", tolerance_seconds=tolerance, of=stamp),
        signed=partial(_stamped, before=b"", separator=b"."),
        candidates=signatures,
    )


def _standard(secrets: Secrets, tolerance: float, _base: str | None) -> AuthScheme:
    def key(secret: bytes) -> bytes:
        try:
            return base64.b64decode(secret.removeprefix(b"whsec_"), validate=True)
        except binascii.Error:
            raise PresetSecretError("is no secret of Standard Webhooks: whsec_ and base64") from None

    keys = tuple(key(secret) for secret in secrets)
    return FirstShown(tuple(_standard_under(name, keys, tolerance) for name in ("webhook", "svix")))


def _standard_under(name: str, keys: Secrets, tolerance: float) -> Signature:
    """Svix, from which the standard came, sends the same under `svix-` (https://docs.svix.com/receiving/verifying-payloads/how-manual)."""

    def signed(request: AuthRequest, stamp: bytes) -> bytes:
        return request.header(f"{name}-id") + b"." + stamp + b"." + request.body

    return Signature(
        f"{name}-signature",
        keys,
        encoding="base64",
        prefix=b"v1,",
        stamp=SignatureTime(f"{name}-timestamp", tolerance_seconds=tolerance),
        signed=signed,
        candidates=bytes.split,
        signed_headers=frozenset(f"{name}-{part}".encode() for part in ("id", "timestamp")),
    )


def _hubspot(secrets: Secrets, tolerance: float, base: str | None) -> Signature:
    def signed(request: AuthRequest, stamp: bytes) -> bytes:
        url = request.url(base)
        for coded, sign in HUBSPOT_DECODED.items():
            url = url.replace(coded, sign).replace(coded.lower(), sign)
        return request.method.encode() + url.encode() + request.body + stamp

    return Signature(
        "X-HubSpot-Signature-v3",
        secrets,
        encoding="base64",
        stamp=SignatureTime("X-HubSpot-Request-Timestamp", unit_seconds=MILLISECOND, tolerance_seconds=tolerance),
        signed=signed,
        address=base or "",
    )


def _twilio(secrets: Secrets, _tolerance: float, base: str | None) -> Signature:
    def signed(request: AuthRequest, _stamp: bytes) -> bytes:
        url = request.url(base).encode()
        if request.header("content-type").partition(b";")[0].strip().lower() == FORM:
            try:
                fields = parse_qsl(request.body.decode("latin-1"), keep_blank_values=True, encoding="utf-8")
            except ValueError:
                raise unproven("The form cannot be read, so that its signature cannot be proved.") from None
            # A name with several values is signed with each different one, in order.
            return url + "".join(name + value for name, value in sorted(set(fields))).encode()
        hashes = [value for name, value in parse_qsl(request.query.decode("latin-1")) if name == "bodySHA256"]
        digest = hashlib.sha256(request.body).hexdigest()
        if request.body and (len(hashes) != 1 or len(hashes[0]) != SHA256_HEX or hashes[0].lower() != digest):
            raise unproven("The query parameter bodySHA256 is not the hash of this body.")
        return url

    return Signature(
        "X-Twilio-Signature", secrets, algorithm="sha1", encoding="base64", signed=signed, address=base or ""
    )


def _paypal(webhooks: Secrets, _tolerance: float, _base: str | None) -> CertificateSignature:
    return CertificateSignature(webhooks)


PRESETS: dict[str, Callable[[Secrets, float, str | None], AuthScheme]] = {
    "github": _hub,
    "hubspot_v3": _hubspot,
    "paypal": _paypal,
    "slack": _slack,
    "standard_webhooks": _standard,
    "stripe": _stripe,
    "twilio": _twilio,
    "whatsapp_cloud": _hub,
}
"""Name → the scheme for (secrets, tolerance in seconds, base of our address as the sender knows it)."""
