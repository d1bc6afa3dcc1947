"""Requests as platforms make them, played through the gateway by the source that a preset writes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import standardwebhooks
import stripe
import yaml
from hubspot.utils.signature import Signature
from slack_sdk.signature import SignatureVerifier

from services.ingest.auth.given_secret import GivenSecret
from services.ingest.sources.load import load
from services.ingest.sources.presets.preset import Preset
from tests.support.ingest import Recorder, application, client
from tests.support.proofs import SecretsInMemory, paypal, pem, proofs

SHAPES = Path(__file__).parents[1] / "data/shapes"
SECRET = "whsec_c2lnbmluZy1zZWNyZXQtb2YtdGVzdHM="  # base64, as Standard Webhooks wants it; the others take it as text
TOKEN = "platform-0123456789abcdef"
NAME = "one"
ENVIRON = {"HOOK_SECRET_ONE": SECRET, "HOOK_TOKEN_ONE": TOKEN, "HOOK_VERIFY_ONE": TOKEN}
HOST = "http://ingest"

Signer = Callable[[str, bytes], Mapping[str, str]]
"""Headers for an address and a body."""


def _mac(signed: bytes) -> bytes:
    return hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()


def _base64(signed: bytes) -> str:
    return base64.b64encode(_mac(signed)).decode()


def _stripe(_url: str, body: bytes) -> Mapping[str, str]:
    now = int(time.time())
    made = stripe.WebhookSignature._compute_signature(f"{now}.{body.decode()}", SECRET)
    return {"Stripe-Signature": f"t={now},v1={made}"}


def _slack(_url: str, body: bytes) -> Mapping[str, str]:
    now = str(int(time.time()))
    made = SignatureVerifier(SECRET).generate_signature(timestamp=now, body=body)
    return {"X-Slack-Request-Timestamp": now, "X-Slack-Signature": made or ""}


def _standard(_url: str, body: bytes) -> Mapping[str, str]:
    now = datetime.now(UTC)
    made = standardwebhooks.Webhook(SECRET).sign("msg_1", now, body.decode())
    return {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": made}


def _hubspot(url: str, body: bytes) -> Mapping[str, str]:
    now = str(int(time.time() * 1000))
    made = Signature.get_signature(SECRET, body.decode(), "v3", url, "POST", now)
    return {"X-HubSpot-Request-Timestamp": now, "X-HubSpot-Signature-v3": made}


def _meta(_url: str, body: bytes) -> Mapping[str, str]:
    return {"X-Hub-Signature-256": f"sha256={_mac(body).hex()}"}


SIGNERS: dict[str, Signer] = {
    "asana": lambda _, body: {"X-Hook-Signature": _mac(body).hex()},
    "clickup": lambda _, body: {"X-Signature": _mac(body).hex()},
    "google_forms": _standard,
    "google_sheets": _standard,
    "hubspot": _hubspot,
    "meta_lead_ads": _meta,
    "notion": lambda _, body: {"X-Notion-Signature": f"sha256={_mac(body).hex()}"},
    "paypal": lambda _, body: paypal().sign(body, SECRET),
    "shopify": lambda _, body: {"X-Shopify-Hmac-Sha256": _base64(body)},
    "slack": _slack,
    "stripe": _stripe,
    "tally": lambda _, body: {"Tally-Signature": _base64(body)},
    "typeform": lambda _, body: {"Typeform-Signature": f"sha256={_base64(body)}"},
    "whatsapp_cloud": _meta,
    "woocommerce": lambda _, body: {"X-WC-Webhook-Signature": _base64(body)},
}
"""As each platform's document says, or by its own library. The others prove themselves by the token."""


@dataclass(frozen=True)
class Shape:
    """One case of tests/data/shapes."""

    file: Path
    preset: str
    what: str
    known: str
    document: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    expect: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As a test names it."""
        return f"{self.preset}/{self.file.stem}"


def shapes() -> list[Shape]:
    """All cases."""
    files = sorted(SHAPES.glob("*/*.yaml"))
    return [Shape(file, file.parent.name, **yaml.safe_load(file.read_text())) for file in files]


def source_of(preset: Preset, folder: Path) -> tuple[Any, Recorder]:
    """The gateway with the source that the preset writes."""
    file, entry = folder / "sources.yaml", preset.source(NAME)
    rows = SecretsInMemory()
    if preset.name == "paypal":
        (folder / "authority.pem").write_bytes(pem(paypal().root))
        entry["authentication"]["certificates"] = {"authorities_file": "authority.pem"}
    file.write_text(json.dumps({"sources": {NAME: entry}}))
    sources = load(file, ENVIRON)
    proof = next(iter(sources.hooks)).proof
    if isinstance(proof, GivenSecret):
        rows.rows[NAME] = {"given": proof.sealed(SECRET.encode())}
    return application(sources, proofs(rows))


async def send(
    http: httpx.AsyncClient,
    preset: Preset,
    body: object,
    headers: Mapping[str, str],
    content_type: str,
    *,
    sign: bool = True,
) -> httpx.Response:
    """One request as the platform makes it; a body that is no text is sent as JSON."""
    content = body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()
    url = f"{HOST}/v1/hooks/{NAME}" + (f"/{TOKEN}" if "token" in preset.entry else "")
    signed = SIGNERS[preset.name](url, content) if sign and preset.name in SIGNERS else {}
    return await http.post(url, content=content, headers={"Content-Type": content_type, **headers, **signed})


def over(app: Any) -> httpx.AsyncClient:
    """A client of the gateway."""
    return client(app)
