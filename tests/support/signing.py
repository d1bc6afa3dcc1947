"""Requests signed as publishers sign them: the sender's side of the presets, written from their documents."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable

from requests import PreparedRequest

SECRET = "c2lnbmluZy1zZWNyZXQtb2YtdGVzdHM="  # base64, as Standard Webhooks wants it; the others take it as text
VERIFY = "verify-0123456789abcdef"
SIGNED_SOURCES = """\
  github:
    schema: { type: object, properties: { action: { type: string } } }
    id: { header: X-GitHub-Delivery }
    authentication: { preset: github, secret: { env: SIGNING_SECRET } }
  payments:
    trigger: closum.sms.status_updated
    authentication: { preset: stripe, secret: { env: SIGNING_SECRET }, replay: refuse }
  standard:
    trigger: closum.contact.updated
    authentication: { preset: standard_webhooks, secret: { env: SIGNING_SECRET } }
    deduplicate: { within: 7d }
  meta:
    platform: whatsapp_cloud
    authentication: { preset: whatsapp_cloud, secret: { env: SIGNING_SECRET } }
    verify_token: { env: VERIFY_TOKEN }
"""
ENVIRON = {"SIGNING_SECRET": SECRET, "VERIFY_TOKEN": VERIFY}


def _mac(signed: bytes, key: bytes = SECRET.encode()) -> bytes:
    return hmac.new(key, signed, hashlib.sha256).digest()


def _hub(body: bytes) -> dict[str, str]:
    return {"X-Hub-Signature-256": f"sha256={_mac(body).hex()}"}


def _stripe(body: bytes) -> dict[str, str]:
    now = str(int(time.time()))
    return {"Stripe-Signature": f"t={now},v1={_mac(now.encode() + b'.' + body).hex()}"}


def _standard(body: bytes) -> dict[str, str]:
    now = str(int(time.time()))
    made = _mac(b"msg_1." + now.encode() + b"." + body, base64.b64decode(SECRET))
    signature = f"v1,{base64.b64encode(made).decode()}"
    return {"webhook-id": "msg_1", "webhook-timestamp": now, "webhook-signature": signature}


SIGNERS: dict[str, Callable[[bytes], dict[str, str]]] = {
    "github": _hub,
    "payments": _stripe,
    "standard": _standard,
    "meta": _hub,
}
"""Headers that prove a body, by source."""


class Signed:
    """Signs what `requests` is about to send, byte for byte."""

    def __init__(self, source: str) -> None:
        self._sign = SIGNERS[source]

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """The request with the headers of its source."""
        body = request.body or b""
        assert isinstance(body, str | bytes), "a body that is made while it is sent cannot be signed before"
        sent = body.encode() if isinstance(body, str) else body
        request.body = sent
        request.headers.update(self._sign(sent))
        return request
